"""Golden tokenizer: merges that the Rust library learns from corpus.txt, its ids of awkward texts, and rendered chats.

    python tests/golden/make_tokenizer.py        (tokenizers and transformers installed; writes tests/golden/tokenizer/golden.json)

The chat templates are those of lib/model/chat/token-formats.ts.
"""
import json
import os
import random

import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer")
PATTERN = (r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
FORMATS = {
    "chatml": {
        "special": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        "template": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
                    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    },
    "compact": {
        "special": ["<|end|>", "<|user|>", "<|agent|>", "<|system|>"],
        "template": "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|agent|>' + message['content'] + '<|end|>' }}"
                    "{% elif message['role'] == 'system' %}{{ '<|system|>' + message['content'] }}{% else %}{{ '<|user|>' + message['content'] }}{% endif %}{% endfor %}"
                    "{% if add_generation_prompt %}{{ '<|agent|>' }}{% endif %}",
    },
}
MESSAGES = [
    {"role": "system", "content": "You shop for people. Answer with one action."},
    {"role": "user", "content": "\n  I'd like a 12-pack of café filters, under $30.00\r\n[SEP] Search"},
    {"role": "assistant", "content": "search[café filters 12-pack]"},
    {"role": "user", "content": "Page 1 (Total results: 50)\n\nB0<not_a_token>12 – naïve Ünïcode 日本語 🙂"},
]


def train(special):
    t = Tokenizer(models.BPE())
    level = dict(add_prefix_space=False, use_regex=False)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(**level)])
    t.decoder = decoders.ByteLevel(**level)
    with open(os.path.join(HERE, "corpus.txt"), encoding="utf-8") as f:
        lines = f.read().split("\n")
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=520 - len(special), min_frequency=2, show_progress=False,
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in special])
    return t


def texts():
    rng = random.Random(3)
    result = ["", " ", "\n", "a", "don't DON'T we'll I'VE", "  two  spaces  ", "tab\tand\r\nlines\n\n\n", "price: $1,234.50!", "click[buy now]",
              "naïve café Ünïcode ﬁ ①②", "日本語のテキスト", "🙂👩‍👩‍👧‍👦🏳️‍🌈", "\u00a0no-break\u2003em\u3000wide", "\ufeffmark\u0085next", "a\u0301 combining e\u0301",
              "<|end|>", "x<|user|>y<|agent|>z<|end|>\n", "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|", "٣٤٥ ½ Ⅷ", "\x00\x01\x7f", "ſ's 'ſ", "…—“quotes”"]
    alphabet = "abcdeshop  \n\t'.,[]<|>019ÄßéπЖ中🙂\u00a0"
    result += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 60))) for _ in range(300)]
    return result


def main():
    golden = {"versions": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}, "vocabSize": 520, "formats": {}}
    for name, spec in FORMATS.items():
        t = train(spec["special"])
        fast = transformers.PreTrainedTokenizerFast(tokenizer_object=t)
        render = lambda messages: fast.apply_chat_template(messages, chat_template=spec["template"], add_generation_prompt=True, tokenize=False)
        encode = lambda text: t.encode(text, add_special_tokens=False).ids
        golden["formats"][name] = {
            "special": spec["special"], "template": spec["template"],
            "chats": [{"messages": MESSAGES[:n], "ids": encode(render(MESSAGES[:n]))} for n in (2, 4)]
                     + [{"messages": MESSAGES[1:2], "ids": encode(render(MESSAGES[1:2]))}],
        }
        if name == "compact":
            golden["merges"] = [list(m) for m in json.loads(t.to_str())["model"]["merges"]]
            golden["encodings"] = [{"text": x, "ids": encode(x), "decoded": t.decode(encode(x), skip_special_tokens=False)} for x in texts()]
    with open(os.path.join(HERE, "golden.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=True)
        f.write("\n")


main()
