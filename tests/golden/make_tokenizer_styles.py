"""Small tokenizers with the parts of well-known ones, trained on the texts beside: tests/golden/tokenizer/styles/*.json.

    python tests/golden/make_tokenizer_styles.py        (tokenizers installed)

npm run test:tokenizer -- --tokenizer FILE compares each with the Rust library, and with --golden FILE records what that gives.
"""
import json
import os

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import AddedToken as Added

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer")
SIZE = 1200

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA_3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def lines():
    for name in ("corpus.txt", "world.txt"):
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            yield from f.read().split("\n")


def special(content, **flags):
    return Added(content, special=True, normalized=False, **flags)


def train(tokenizer, size=SIZE, first=()):
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False, special_tokens=list(first),
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if not tokenizer.model.byte_fallback else [])
    tokenizer.train_from_iterator(lines(), trainer)
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(pre_tokenizer, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def qwen2():
    tokenizer = train(byte_level(split(QWEN), normalizers.NFC()))
    tokenizer.add_special_tokens([special(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    tokenizer.add_tokens([Added(t, normalized=False) for t in ("<tool_call>", "</tool_call>", "<think>", "</think>")])
    return tokenizer


def llama_3():
    tokenizer = train(byte_level(split(LLAMA_3), ignore_merges=True))
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"]
    tokenizer.add_special_tokens([special(t) for t in names])
    bos = (names[0], tokenizer.token_to_id(names[0]))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{bos[0]} $A", pair=f"{bos[0]} $A {bos[0]}:1 $B:1", special_tokens=[bos]),
    ])
    # Whole words without merges that lead to them, which is what ignore_merges is for.
    return add_to_vocabulary(tokenizer, ["Ġkettles", "Ċ" * 9, "Ġ" * 50])


def smollm2():
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return train(byte_level(digits), first=[special(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<jupyter_code>")])


def tekken():
    tokenizer = train(byte_level(split(TEKKEN), ignore_merges=True), first=[special(t) for t in ("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<SPECIAL_5>")])
    bos = ("<s>", tokenizer.token_to_id("<s>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B:1", special_tokens=[bos])
    return tokenizer


def sentence_piece(normalizer, pre_tokenizer, steps):
    """Characters and merges over ▁, with a token for each byte that has no character."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    train(tokenizer, SIZE - 1, [special(t) for t in ("<unk>", "<s>", "</s>", *byte_tokens)])
    contents = json.loads(tokenizer.to_str())
    contents["added_tokens"] = contents["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(contents))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    # An empty sequence, since a pre-tokenizer cannot be taken away.
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.Sequence([])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *steps])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def mistral():
    marks = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return sentence_piece(marks, None, [decoders.Strip(" ", 1, 0)])


def mistral_metaspace():
    tokenizer = sentence_piece(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), [decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([special(t) for t in ("[INST]", "[/INST]")])
    return tokenizer


def gemma():
    tokenizer = sentence_piece(normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous"), [])
    tokenizer.add_special_tokens([special(t) for t in ("<start_of_turn>", "<end_of_turn>")])
    tokenizer.add_tokens([Added(character * n, normalized=False) for character in "\n▁\t" for n in range(2, 20)])
    return tokenizer


def unigram():
    """As SentencePiece makes it: the unknown token, control tokens and bytes first."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    control = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator(lines(), trainers.UnigramTrainer(vocab_size=700, show_progress=False, unk_token="<unk>", special_tokens=control))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    contents = json.loads(tokenizer.to_str())
    entries = contents["model"]["vocab"]
    contents["model"] |= {"vocab": entries[:3] + [[f"<0x{byte:02X}>", 0.0] for byte in range(256)] + entries[3:], "byte_fallback": True}
    return Tokenizer.from_str(json.dumps(contents))


def flags():
    """Added tokens with every combination of flags, beside a normalizer that changes their names."""
    tokenizer = train(byte_level(split(QWEN), normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])))
    combinations = [[number >> bit & 1 == 1 for bit in range(5)] for number in range(32)]
    tokens = [Added(f"<T{i}É>", single_word=s, lstrip=l, rstrip=r, normalized=n, special=p) for i, (s, l, r, n, p) in enumerate(combinations)]
    words = [Added("word", single_word=True), Added("rds", normalized=False), Added(" of", lstrip=True, rstrip=True), Added("\u2160", normalized=True),
             Added("ﬁ", normalized=False), Added("  ", normalized=False), Added("<<", normalized=False, rstrip=True), Added("<", normalized=True, single_word=True)]
    tokenizer.add_tokens(tokens + words)
    return tokenizer


def add_to_vocabulary(tokenizer, tokens):
    contents = json.loads(tokenizer.to_str())
    vocabulary = contents["model"]["vocab"]
    shift = [token for token in tokens if token not in vocabulary]
    for token in shift:
        vocabulary[token] = len(vocabulary)
    text = json.dumps(contents)
    for added in contents["added_tokens"]:
        text = text.replace(json.dumps(added), json.dumps({**added, "id": added["id"] + len(shift)}))
    contents = json.loads(text)
    processor = contents["post_processor"]["processors"][1]["special_tokens"]
    for entry in processor.values():
        entry["ids"] = [i + len(shift) for i in entry["ids"]]
    return Tokenizer.from_str(json.dumps(contents))


def main():
    folder = os.path.join(HERE, "styles")
    os.makedirs(folder, exist_ok=True)
    styles = dict(qwen2=qwen2, llama3=llama_3, smollm2=smollm2, tekken=tekken, mistral=mistral, metaspace=mistral_metaspace, gemma=gemma, unigram=unigram, flags=flags)
    for name, make in styles.items():
        contents = json.loads(make().to_str())
        if contents["pre_tokenizer"] == {"type": "Sequence", "pretokenizers": []}:
            contents["pre_tokenizer"] = None
        # Merges as in files of the hub that were saved by earlier versions.
        if name in ("qwen2", "mistral"):
            contents["model"]["merges"] = [" ".join(pair) for pair in contents["model"]["merges"]]
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as f:
            json.dump(contents, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")


main()
