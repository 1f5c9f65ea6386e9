/** A found token: [start, end) in UTF-16 code units. */
export interface FoundToken {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

interface Node {
  /** By UTF-16 code unit. */
  readonly next: Map<number, Node>;
  /** Of the token that ends here. */
  id: number | undefined;
}

/** Finds tokens in a text: the leftmost, of those the longest, then on behind it. A trie of their characters. */
export class TokenFinder {
  readonly #root: Node = { next: new Map(), id: undefined };

  /** False when there already is such a token, or it is empty. */
  add(token: string, id: number): boolean {
    let node = this.#root;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      let child = node.next.get(unit);
      if (child === undefined) {
        child = { next: new Map(), id: undefined };
        node.next.set(unit, child);
      }
      node = child;
    }
    if (node.id !== undefined || node === this.#root) return false;
    node.id = id;
    return true;
  }

  find(text: string): FoundToken[] {
    const found: FoundToken[] = [];
    const first = this.#root.next;
    if (first.size === 0) return found;
    for (let start = 0; start < text.length; ) {
      if (!first.has(text.charCodeAt(start))) {
        start++;
        continue;
      }
      let longest: FoundToken | undefined;
      this.forEachAt(text, start, (id, end) => {
        longest = { id, start, end };
      });
      if (longest !== undefined) found.push(longest);
      start = longest?.end ?? start + 1;
    }
    return found;
  }

  /** Calls `visit` for every token that starts at a position, the shortest first. */
  forEachAt(text: string, start: number, visit: (id: number, end: number) => void): void {
    let node = this.#root.next.get(text.charCodeAt(start));
    for (let end = start + 1; node !== undefined; node = node.next.get(text.charCodeAt(end++))) {
      if (node.id !== undefined) visit(node.id, end);
    }
  }
}
