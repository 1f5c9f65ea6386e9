/** The original's files by name, packed or not. */
const names = {
  products: /^items_shuffle(_\d+)?(\.json(\.gz|\.zip)?|\.zip)$/,
  attributes: /^items_ins_v2(_\d+)?(\.json(\.gz|\.zip)?|\.zip)$/,
  human: /^items_human_ins(\.json(\.gz|\.zip)?|\.zip)$/,
} as const;

export type SourceKind = keyof typeof names;
export const sourceKinds = Object.keys(names) as SourceKind[];

/** What the original has under such a name; undefined for other files. */
export function sourceKind(name: string): SourceKind | undefined {
  return sourceKinds.find((kind) => names[kind].test(name));
}

export const fetchHint = 'the setup script of the WebShop repository (princeton-nlp/WebShop) fetches these files';
