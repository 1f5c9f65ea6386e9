import { oneLine } from '../pages/short-forms.ts';

/** What can be clicked by a name: the same text, in any case and with any white space. */
export type OfferedValue = (named: string) => string | undefined;

export function offeredValues(clickables: readonly string[]): OfferedValue {
  let byName: Map<string, string> | undefined;
  return (named) => {
    const name = named.toLowerCase();
    if (name === '') return undefined;
    if (clickables.includes(name)) return name;
    byName ??= new Map([...clickables].reverse().map((value) => [oneLine(value), value]));
    return byName.get(oneLine(name));
  };
}
