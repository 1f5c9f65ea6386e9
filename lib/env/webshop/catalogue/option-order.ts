import { type JsonEntry, jsonMembers } from './json-entries.ts';

const optionsField = 'customization_options';

type Numbered = Readonly<Record<typeof optionsField, Readonly<Record<string, unknown>>>>;

/** Whether an option's name is a number: objects put such names first, while the original's keep the order of the file. */
export function hasNumberedOptions(product: unknown): product is Numbered {
  const options = typeof product === 'object' && product !== null ? Reflect.get(product, optionsField) : undefined;
  return (
    typeof options === 'object' && options !== null && !Array.isArray(options) && Object.keys(options).some((name) => /^\d+$/.test(name))
  );
}

/** The product of an entry; where option names are numbers, with a map in the order of the file in the place of its options. */
export function withOptionOrder(product: unknown, { json }: Pick<JsonEntry, 'json'>, where: string): unknown {
  if (!hasNumberedOptions(product)) return product;
  const options = jsonMembers(json, where).findLast(({ key }) => key === optionsField);
  const names = options === undefined ? [] : jsonMembers(options.json, where).map(({ key }) => key ?? '');
  return { ...product, [optionsField]: new Map(names.map((name) => [name, product[optionsField][name]])) };
}
