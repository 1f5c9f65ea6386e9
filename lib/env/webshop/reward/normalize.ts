/** WebShop's colour words; the first that is contained in a text names its colour, so the order is part of the rule. */
export const colors =
  `alabaster apricot aqua ash asphalt azure banana beige black blue blush bordeaux bronze brown burgundy camel camo caramel champagne charcoal
  cheetah chestnut chocolate christmas coffee cognac copper coral cranberry cream crystal dark denim eggplant elephant espresso fuchsia gold
  granite grape graphite grass gray green grey heather indigo ivory ivy khaki lavender lemon leopard light lilac lime magenta maroon mauve
  merlot midnight mint mocha multicolor mushroom mustard natural navy nude olive orange peach pewter pink plum purple rainbow red rose royal
  rust sand sapphire seashell silver skull slate steel stone stonewash sunflower tan taupe teal tiger turquoise violet walnut wheat white wine
  yellow`.split(/\s+/);

/** The colour that `text` contains, as WebShop reads it: `light blue` is `blue`, and `titanium` is `tan`. */
export function colorWithin(text: string): string | undefined {
  return colors.find((color) => text.includes(color));
}

/** The same, or the text itself where it contains none. */
export function normalizeColor(text: string): string {
  return colorWithin(text) ?? text;
}

/**
 * The same rule for an option's (name, value) pair, where WebShop looks for a colour *among the two* instead of inside them: only a name
 * or value that equals a colour word counts. Undefined when neither does, and the pair is then compared as it is.
 */
export function colorOfPair(name: string, value: string): string | undefined {
  return colors.find((color) => color === name || color === value);
}
