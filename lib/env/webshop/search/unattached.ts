/** A copy that does not keep the longer text alive of which it is a part. */
export function unattached(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
