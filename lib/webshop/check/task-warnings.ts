import { type Goal, noBound } from '../../env/webshop/catalogue/goals.ts';
import { optionValue } from '../../env/webshop/catalogue/products.ts';
import type { WebShopEnv } from '../../env/webshop/webshop-env.ts';

/** What the tasks of a mini-shop's file ask for without saying so: no agent can know it. */
export function taskWarnings({ options, shop }: WebShopEnv): string[] {
  if (options.dataKind !== 'file') return [];
  return Array.from(shop.goals).flatMap((goal) =>
    unsaid(goal).map((what) => `task ${goal.id}: the instruction does not name ${what}, which counts for the score`),
  );
}

function unsaid({ instruction, options, priceUpper }: Goal): string[] {
  const values = 'named' in options ? [...options.named.values()] : options.values;
  // Amounts are written as 40, 40.00 or 1,000.
  const digits = instruction.replaceAll(',', '');
  return [
    ...values.filter((value) => !optionValue(instruction).includes(value)).map((value) => `the option ${JSON.stringify(value)}`),
    ...(priceUpper === noBound || digits.includes(String(priceUpper)) ? [] : [`the highest price, ${priceUpper}`]),
  ];
}
