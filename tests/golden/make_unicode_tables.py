"""What the Rust tokenizers library holds for a letter, a digit, a word character, …: lib/model/tokenization/unicode-tables.ts.

    python tests/golden/make_unicode_tables.py        (tokenizers installed; half a minute)

Every table is asked from the library itself, code point by code point, since its parts know different versions of Unicode.
"""
import os

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "..", "..", "lib", "model", "tokenization", "unicode-tables.ts")
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co").split()
PROPERTIES = ("Alphabetic Uppercase Lowercase Han Hiragana Katakana Hangul Latin Greek Cyrillic Arabic Hebrew Thai Devanagari").split()


def blocks(form=chr):
    for start in range(0, len(CODE_POINTS), 4096):
        yield "".join(map(form, CODE_POINTS[start:start + 4096]))


def matched(pattern):
    """Code points that a regular expression matches."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return {ord(c) for block in blocks() for piece, _ in split.pre_tokenize_str(block) for c in piece}


def isolated(pre_tokenizer):
    """Code points that come out as a piece of their own between letters."""
    alone = {ord(piece) for block in blocks(lambda c: "a" + chr(c)) for piece, _ in pre_tokenizer.pre_tokenize_str(block) if len(piece) == 1}
    return alone - {ord("a")}


def joined(pre_tokenizer):
    """Code points that stay together with a letter before them."""
    pieces = (piece for block in blocks(lambda c: "a" + chr(c) + " ") for piece, _ in pre_tokenizer.pre_tokenize_str(block))
    return {ord(piece[1]) for piece in pieces if len(piece) == 2 and piece[0] == "a"}


def normalisable():
    """Code points that decompose, compose with another, or are put into another order: all that normalisation can act on."""
    canonical, compatible = normalizers.NFD(), normalizers.NFKD()
    found = set()
    for c in map(chr, CODE_POINTS):
        decomposed = canonical.normalize_str(c)
        if decomposed != c:
            found |= {ord(c), *map(ord, decomposed)}
        # U+0334 has the lowest combining class, U+0345 the highest: every mark changes places with one of them.
        reordered = canonical.normalize_str("\u0345" + c) != "\u0345" + decomposed or canonical.normalize_str(c + "\u0334") != decomposed + "\u0334"
        if reordered or compatible.normalize_str(c) != c:
            found.add(ord(c))
    return found


def base36(number):
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    if number < 0:
        return "-" + base36(-number)
    return (base36(number // 36) if number >= 36 else "") + digits[number % 36]


def packed(members):
    """Distances of the bounds of all ranges, in base 36, in lines."""
    steps, last = [], 0
    for c in sorted(members):
        if c - 1 not in members:
            steps.append(base36(c - last))
            last = c
        if c + 1 not in members:
            steps.append(base36(c + 1 - last))
            last = c + 1
    return lines_of(steps)


def lowercase_runs():
    """First code point, number, step and distance to the lower case, for runs of code points that have the same of both."""
    lower = normalizers.Lowercase()
    distance = {}
    for c in CODE_POINTS:
        lowered = lower.normalize_str(chr(c))
        # The only longer one is that of U+0130, which no Unicode will change.
        if lowered != chr(c) and len(lowered) == 1:
            distance[c] = ord(lowered) - c
    runs = []
    while distance:
        start = min(distance)
        step = 1 if distance.get(start + 1) == distance[start] else 2
        count = 1
        while distance.get(start + count * step) == distance[start]:
            count += 1
        runs.append((start, count, step, distance[start]))
        for i in range(count):
            del distance[start + i * step]
    return runs


def lines_of(words):
    lines, line = [], "  "
    for word in words:
        if len(line) + 1 + len(word) > 138:
            lines.append(line)
            line = "  "
        line += " " + word
    return "\n".join([*lines, line])


def record(name, comment, tables):
    rows = "".join(f"  {key}: `\n{packed(members)}\n  `,\n" for key, members in tables.items())
    return f"\n/** {comment} */\nexport const {name} = {{\n{rows}}} as const;\n"


def main():
    # An unassigned or surrogate code point must not break a range.
    text = f"// Made by tests/golden/make_unicode_tables.py from tokenizers {tokenizers.__version__}: do not edit.\n"
    text += record("categoryTables", "General categories as its regular expressions (Oniguruma) know them; what is left is unassigned.",
                   {name: matched(r"\p{%s}" % name) for name in CATEGORIES})
    text += record("propertyTables", "Properties and scripts of its regular expressions.", {name: matched(r"\p{%s}" % name) for name in PROPERTIES})
    text += record("otherTables", "Word characters of its regular expressions and of its added tokens; numbers and punctuation of its pre-tokenizers; "
                   "what its normalizers can change.",
                   {"word": matched(r"\w"), "addedTokenWord": joined(pre_tokenizers.Whitespace()),
                    "numeric": isolated(pre_tokenizers.Digits(individual_digits=True)), "punctuation": isolated(pre_tokenizers.Punctuation()),
                    "normalisable": normalisable()})
    text += ("\n/** Lower case of its Lowercase normalizer: first code point, number, step, distance, for runs that have the last two in common. */\n"
             f"export const lowercaseTable = `\n{lines_of(base36(number) for run in lowercase_runs() for number in run)}\n`;\n")
    with open(TARGET, "w", encoding="ascii") as f:
        f.write(text)


main()
