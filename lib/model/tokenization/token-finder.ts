/** A found token: [start, end) in UTF-16 code units. */
export interface FoundToken {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

interface Node {
  /** By UTF-16 code unit; most nodes are ends without one. */
  next: Map<number, Node> | undefined;
  /** Of the token that ends here. */
  id: number | undefined;
}

/** Finds tokens in a text: the leftmost, of those the longest, then on behind it. A trie of their characters. */
export class TokenFinder {
  readonly #root: Node = { next: undefined, id: undefined };

  /** An empty token, or one that is there already, changes nothing. */
  add(token: string, id: number): void {
    let node = this.#root;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      node.next ??= new Map();
      let child = node.next.get(unit);
      if (child === undefined) {
        child = { next: undefined, id: undefined };
        node.next.set(unit, child);
      }
      node = child;
    }
    if (node !== this.#root) node.id ??= id;
  }

  find(text: string): FoundToken[] {
    const found: FoundToken[] = [];
    const first = this.#root.next;
    if (first === undefined) return found;
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
    let node = this.#root.next?.get(text.charCodeAt(start));
    for (let end = start + 1; node !== undefined; node = node.next?.get(text.charCodeAt(end++))) {
      if (node.id !== undefined) visit(node.id, end);
    }
  }
}
