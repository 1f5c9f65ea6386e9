"""Answers what the Rust tokenizers library does: one JSON object per line on stdin, one per answer on stdout.

    {"op": "load", "file": …}                          a tokenizer.json; the result has the contents of its added tokens
    {"op": "encode", "texts": […]}                     per text: ids as such, with special tokens as text, with the post-processor's tokens
    {"op": "normalize", "texts": […]}                  what the normalizer makes of them
    {"op": "decode", "ids": [[…], …]}                  per list: text with and without special tokens

Started by tests/oracle/process.ts.
"""
import json
import os
import sys
import traceback

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import tokenizers
from tokenizers import Tokenizer

tokenizer = None


def load(request):
    global tokenizer
    tokenizer = Tokenizer.from_file(request["file"])
    # transformers sets both for each call.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    added = [token.content for _, token in sorted(tokenizer.get_added_tokens_decoder().items())]
    return {"addedTokens": added, "version": tokenizers.__version__}


def unless_it_panics(work, value):
    """null where the Rust code panics, for which there is nothing to compare with."""
    try:
        return work(value)
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        tokenizer.encode_special_tokens = False
        return None


def encode_one(text):
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = True
    as_text = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    return {"ids": plain, "asText": as_text, "whole": tokenizer.encode(text).ids}


def encode(request):
    return [unless_it_panics(encode_one, text) for text in request["texts"]]


def normalize(request):
    normalizer = tokenizer.normalizer
    return [text if normalizer is None else normalizer.normalize_str(text) for text in request["texts"]]


def decode_one(ids):
    return [tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True)]


def decode(request):
    return [unless_it_panics(decode_one, ids) for ids in request["ids"]]


OPERATIONS = {"load": load, "encode": encode, "normalize": normalize, "decode": decode}


def answer_to(request):
    try:
        return {"result": OPERATIONS[request["op"]](request)}
    except Exception as error:
        return {"refused": str(error)} if request["op"] == "load" else {"failed": traceback.format_exc()}


def say(answer):
    # In ASCII: the other side takes U+2028 for the end of a line.
    answers.write(json.dumps(answer) + "\n")


say({"ready": True})
for line in sys.stdin:
    say(answer_to(json.loads(line)))
