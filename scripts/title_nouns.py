#!/usr/bin/env python3
"""Names the nouns of product titles with spaCy, as WebShop does, and writes them down for the option `titles` (docs/webshop-titles.md).

    pip install spacy && python -m spacy download en_core_web_sm
    python scripts/title_nouns.py CATALOGUE nouns.jsonl [--model en_core_web_sm] [--processes 2]

CATALOGUE is a folder with the original's product file or one that `astar-po webshop import` or `generate` made, or a JSON file (plain or
gzipped) whose values are products or titles. The table is written whole or not at all.
"""

import argparse
import gzip
import json
import os
import sys
import time

FORMAT = "astar-po-title-nouns-1"
# The original keeps tokens with these tags (and a third that does not exist).
NOUN_TAGS = ("NOUN", "PROPN")
# Parts of a pipeline that no tag depends on.
UNUSED_PARTS = ("ner", "lemmatizer")
PIECE = 1 << 22
PRODUCT_FILES = ("products.texts", "items_shuffle.json", "items_shuffle_1000.json")


def fail(message, hint):
    sys.exit(f"{message}\n  {hint}")


def find_products(path):
    """The file of a catalogue that has the titles."""
    if os.path.isfile(path):
        return path
    names = [name + end for name in PRODUCT_FILES for end in ("", ".gz")]
    found = [os.path.join(path, name) for name in names if os.path.isfile(os.path.join(path, name))]
    if len(found) == 1:
        return found[0]
    got = "none" if not found else " and ".join(map(os.path.basename, found))
    fail(f"expected one of {', '.join(names)} in {path}, got {got}", "name the file itself")


def json_values(path):
    """The values of a file of JSON, one after the other or in one array, without holding all of it."""
    decoder = json.JSONDecoder()
    skipped = " \t\r\n,[]"
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        text, at, ended = "", 0, False
        while True:
            while at < len(text) and text[at] in skipped:
                at += 1
            try:
                value, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                if ended and at == len(text):
                    return
                if ended:
                    fail(f"{path}: expected JSON, got {text[at:at + 40]!r} ({error.msg})", "the file may be cut off: fetch it again")
                piece = file.read(PIECE)
                ended = piece == ""
                text, at = text[at:] + piece, 0
                continue
            yield value


def title_of(value, path):
    title = value if isinstance(value, str) else value.get("title", value.get("name")) if isinstance(value, dict) else None
    if isinstance(title, str):
        return title
    fail(f"{path}: expected products with a name, or titles, got {json.dumps(value)[:80]}", "name the file of the products")


def load_model(name):
    try:
        import spacy
    except ImportError:
        fail("expected spaCy, got no module of that name", "pip install spacy")
    try:
        model = spacy.load(name, exclude=UNUSED_PARTS)
    except OSError as error:
        fail(f"expected the spaCy model {name}, got: {error}", f"python -m spacy download {name}")
    meta = model.meta
    return model, f"spacy {spacy.__version__}", f"{meta['lang']}_{meta['name']} {meta['version']}"


def nouns_of(document):
    return [token.text.lower() for token in document if token.pos_ in NOUN_TAGS]


class Progress:
    """A line on a terminal, rewritten four times a second; elsewhere one every ten seconds."""

    def __init__(self, total=None):
        self.total, self.begin = total, time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.interval = 0.25 if self.terminal else 10.0
        self.next = self.begin + self.interval

    def show(self, done):
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + self.interval
        if self.total is None:
            self.write(f"{done:,} titles read", "\r" if self.terminal else "\n")
        else:
            left = (now - self.begin) / done * (self.total - done)
            self.write(f"{done:,} of {self.total:,} titles, {left:,.0f} s left", "\r" if self.terminal else "\n")

    def finish(self, text):
        self.write(f"{text}, in {time.monotonic() - self.begin:,.0f} s", "\n")

    @staticmethod
    def write(text, end):
        sys.stderr.write((f"{text:<60}" if sys.stderr.isatty() else text) + end)
        sys.stderr.flush()


def read_titles(path):
    """Distinct titles, in the order of the file."""
    progress = Progress()
    titles = {}
    for value in json_values(path):
        titles[title_of(value, path)] = None
        progress.show(len(titles))
    if not titles:
        fail(f"expected products in {path}, got none", "name the file of the products")
    return list(titles)


def write_table(out, head, titles, lists):
    """Whole or not at all."""
    partial = f"{out}.{os.getpid()}.partial"
    progress = Progress(len(titles))
    try:
        with open(partial, "w", encoding="ascii", newline="\n") as file:
            file.write(json.dumps(head) + "\n")
            for done, (title, nouns) in enumerate(zip(titles, lists)):
                file.write(json.dumps({"title": title, "nouns": nouns}) + "\n")
                progress.show(done + 1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, out)
    except BaseException:
        if os.path.exists(partial):
            os.remove(partial)
        raise
    progress.finish(f"{out}: {len(titles):,} titles")


def main():
    parser = argparse.ArgumentParser(description="Names the nouns of product titles with spaCy and writes them to a table.")
    parser.add_argument("catalogue", help="folder of a catalogue, or a JSON file of products or titles")
    parser.add_argument("out", help="file to write")
    parser.add_argument("--model", default="en_core_web_sm", help="spaCy model: its name or folder (default: en_core_web_sm)")
    parser.add_argument("--processes", type=int, default=1, help="processes that tag (default: 1)")
    options = parser.parse_args()
    model, tagger, name = load_model(options.model)
    titles = read_titles(find_products(options.catalogue))
    documents = model.pipe(titles, batch_size=256, n_process=options.processes)
    head = {"format": FORMAT, "tagger": tagger, "model": name, "titles": len(titles)}
    write_table(options.out, head, titles, map(nouns_of, documents))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted: no table was written")
