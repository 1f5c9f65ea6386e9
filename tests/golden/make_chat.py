"""Golden chats: what jinja2 renders for single constructs, and transformers' apply_chat_template for whole conversations.

    python tests/golden/make_chat.py        (transformers and tokenizers installed; writes tests/golden/chat/*.json)

The templates in tests/golden/chat were written for these tests, with the constructs of the templates that models have.
"""
import datetime
import json
import os
import sys

import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers.utils import chat_template_utils

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chat")
sys.path.insert(0, HERE)
from constructs import CONSTRUCTS, VARIABLES  # noqa: E402
from conversations import TOOLS, conversation, with_names  # noqa: E402

DATE = datetime.datetime(2024, 7, 26, 9, 5, 0)
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>",
           "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
           "<bos>", "<start_of_turn>", "<end_of_turn>"]
PLAIN = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>"]
# Template, tokenizer, special tokens, what its conversations may have, and the variables of every second one.
STYLES = {
    "qwen2.5-style": ("bytes", {"eos_token": "<|im_end|>"}, {"calls": True}, {}),
    "qwen3-style": ("bytes", {"eos_token": "<|im_end|>"}, {"calls": True, "thinks": True}, {"enable_thinking": False}),
    "llama3-style": ("bytes", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, {"calls": True}, {"tools_in_first_turn": False, "date_string": "1 May 2030"}),
    "smollm2-style": ("bytes", {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}, {}, {}),
    "smollm3-style": ("bytes", {"eos_token": "<|im_end|>"}, {"calls": True, "thinks": True}, {"enable_thinking": False}),
    "mistral-style": ("spaces", {"bos_token": "<s>", "eos_token": "</s>"}, {"calls": True}, {}),
    "nemo-style": ("bytes", {"bos_token": "<s>", "eos_token": "</s>"}, {}, {}),
    "gemma-style": ("spaces", {"bos_token": "<bos>", "eos_token": "<end_of_turn>"}, {}, {}),
    "hermes-style": ("bytes", {"bos_token": "<|begin_of_text|>", "eos_token": "<|im_end|>"}, {"calls": True}, {}),
}


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def template_of(style):
    if style != "hermes-style":
        return read(style + ".jinja")
    return {"default": read("hermes-default-style.jinja"), "tool_use": read("hermes-tool-use-style.jinja")}


def corpus():
    with open(os.path.join(HERE, "..", "tokenizer", "corpus.txt"), encoding="utf-8") as f:
        return f.read().split("\n")


def added():
    return [AddedToken(s, special=True, normalized=False) for s in SPECIAL] + [AddedToken(s, special=False, normalized=False) for s in PLAIN]


def bytes_tokenizer():
    t = Tokenizer(models.BPE())
    level = dict(add_prefix_space=False, use_regex=False)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(**level)])
    t.decoder = decoders.ByteLevel(**level)
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=400, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_tokens(added())
    return t


def spaces_tokenizer():
    """As SentencePiece has it: a space before the first word, bytes where a character has no token."""
    t = Tokenizer(models.BPE())
    t.train_from_iterator([line.replace(" ", "▁") for line in corpus()], trainers.BpeTrainer(vocab_size=260, show_progress=False, max_token_length=8))
    model = json.loads(t.to_str())["model"]
    vocab = {"<unk>": 0, **{"<0x%02X>" % i: i + 1 for i in range(256)}}
    for token in sorted(model["vocab"], key=model["vocab"].get):
        vocab[token] = len(vocab)
    merges = [tuple(m) for m in model["merges"]]
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.add_tokens(added())
    return t


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return DATE


def attempt(work):
    try:
        return work()
    except Exception as error:  # a template may refuse in many ways; that it does is what counts
        return {"error": type(error).__name__}


def render_constructs():
    results = []
    for template in CONSTRUCTS:
        text = attempt(lambda: chat_template_utils._compile_jinja_template(template).render(**VARIABLES))
        results.append({"template": template, **(text if isinstance(text, dict) else {"text": text})})
    return results


def render_chats(fast):
    chats = []
    for style, (kind, special, may, variables) in STYLES.items():
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=fast[kind], chat_template=template_of(style), **special)
        names = [n for n in SPECIAL if n in json.dumps(template_of(style)) or n in special.values()]
        for seed in range(14):
            tools = TOOLS[: 1 + seed % 2] if may.get("calls") and seed % 3 != 0 else None
            hostile = seed >= 10
            thinks = may.get("thinks", False) and not hostile
            messages = conversation(1000 + seed, calls=tools is not None, thinks=thinks, system=0 if style == "gemma-style" and seed else 0.5)
            if hostile:
                messages = with_names(messages, names, seed)
            settings = dict(tools=tools, add_generation_prompt=seed % 7 != 6, **(variables if seed % 2 else {}))
            ids = attempt(lambda: tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, sanitize_control_tokens=hostile, **settings))
            chat = {"style": style, "messages": messages, "tools": 0 if tools is None else len(tools), "generation": settings["add_generation_prompt"],
                    "variables": variables if seed % 2 else {}, "hostile": hostile}
            if isinstance(ids, dict):
                chats.append({**chat, **ids})
            else:
                chats.append({**chat, "text": tokenizer.apply_chat_template(messages, tokenize=False, **settings), "ids": ids})
    return chats


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def main():
    chat_template_utils.datetime = FixedDate
    fast = {"bytes": bytes_tokenizer(), "spaces": spaces_tokenizer()}
    for kind, tokenizer in fast.items():
        write(f"{kind}.json", json.loads(tokenizer.to_str()))
    versions = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
    write("constructs.json", {"versions": versions, "variables": VARIABLES, "constructs": render_constructs()})
    styles = {style: {"tokenizer": kind, "specialTokens": special} for style, (kind, special, _, _) in STYLES.items()}
    write("chats.json", {"versions": versions, "date": DATE.isoformat(), "styles": styles, "tools": TOOLS, "chats": render_chats(fast)})


if __name__ == "__main__":
    main()
