/** True for `org/name` and `name` as the hub allows them: letters, digits, `-`, `_` and `.`, at most 96 characters. */
export function isHubId(text: string): boolean {
  const part = '[A-Za-z0-9](?:[\\w.-]*\\w)?';
  return text.length <= 96 && new RegExp(`^(${part}/)?${part}$`).test(text) && !/--|\.\.|\.git$/.test(text);
}

/** True for a full commit hash, which always means the same files. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
