/** Items in their order, in groups whose sizes add up to at most `limit`; an item that is larger has a group of its own. */
export function groupsWithin<T>(items: readonly T[], limit: number, sizeOf: (item: T) => number): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    const size = sizeOf(item);
    const last = groups.at(-1);
    if (last === undefined || size > room) {
      groups.push([item]);
      room = limit - size;
    } else {
      last.push(item);
      room -= size;
    }
  }
  return groups;
}
