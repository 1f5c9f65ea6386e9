import type { Product } from '../../env/webshop/catalogue/products.ts';
import { parseAction, type Session } from '../../env/webshop/shop/session.ts';

/** A value of an option on an item page. */
export interface Choice {
  readonly value: string;
  readonly chosen: boolean;
  /** Why a click cannot choose it: WebShop's actions name the value alone. */
  readonly blocked: string | undefined;
}

/** The options of a product with what is chosen. */
export function choicesOf(
  product: Product,
  chosen: ReadonlyMap<string, string>,
  subPages: Session['subPages'],
): { readonly name: string; readonly choices: readonly Choice[] }[] {
  const buttons = ['back to search', '< prev', 'buy now', 'search', ...subPages] as readonly string[];
  const options = [...product.options];
  return options.map(([name, values], place) => {
    const later = options.slice(place + 1);
    const choices = [...new Set(values)].map((value) => {
      const owner = later.findLast(([, others]) => others.includes(value))?.[0];
      const clickable = parseAction(`click[${value}]`).argument === value && !buttons.includes(value);
      const blocked = owner !== undefined ? `a click chooses it for ${owner}` : clickable ? undefined : 'no click can name it';
      return { value, chosen: chosen.get(name) === value, blocked };
    });
    return { name, choices };
  });
}
