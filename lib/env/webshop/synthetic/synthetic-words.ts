/*
 * The words of the synthetic shop. Chosen so that rewards cannot be had by accident: no word contains another or is 85 % alike, no two have
 * the same stem, and none is a stop word (the tests check it).
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** First attribute of a product, in groups of twelve; a category uses one group. */
export const featureGroups: readonly (readonly string[])[] = [
  words('foldable waterproof portable magnetic wireless quiet padded insulated rustic modern vintage sturdy'),
  words('reversible washable stackable adjustable compact ergonomic reflective scented striped floral glossy quilted'),
  words('ribbed woven embossed curved tapered hinged heated rotating floating antique nautical tropical'),
  words('geometric elegant rugged breathable stretchy seamless fringed pleated beaded polished engraved handmade'),
  words('braided tufted frosted textured weighted luminous checkered scalloped cushioned collapsible cordless miniature'),
];

/** Second attribute, in groups of ten. With one group of each kind per category, no two products of the shop share both attributes. */
export const materialGroups: readonly (readonly string[])[] = [
  words('bamboo maple birch cedar mahogany rattan wicker linen cotton velvet'),
  words('leather suede nylon polyester fleece flannel silk satin canvas burlap'),
  words('wool cashmere mohair brass aluminum chrome zinc ceramic porcelain marble'),
  words('quartz onyx jade acrylic plastic silicone rubber vinyl resin carbon'),
  words('cardboard concrete terracotta coconut hemp jute teak ebony poplar willow'),
  words('hickory beech microfiber chenille corduroy tweed enamel fiberglass plywood limestone'),
];

/** What a category sells, with the department that it belongs to. */
export const nouns: readonly (readonly [noun: string, department: string])[] = [
  ...words('kettle mug teapot skillet ladle tray').map((noun) => [noun, 'kitchen'] as const),
  ...words('lamp blanket pillow curtain mirror vase carpet candle clock').map((noun) => [noun, 'home'] as const),
  ...words('backpack wallet scarf jacket bracelet umbrella').map((noun) => [noun, 'fashion'] as const),
  ...words('tent hammock helmet bench planter').map((noun) => [noun, 'outdoor'] as const),
  ...words('notebook keyboard speaker stool').map((noun) => [noun, 'office'] as const),
];

export const colors: readonly string[] = words('black blue brown gold gray green orange pink purple red silver white yellow teal');

export const sizes: readonly string[] = words('small medium large tiny jumbo');
