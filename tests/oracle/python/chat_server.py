"""Answers what transformers' apply_chat_template gives: one JSON object per line on stdin, one per answer on stdout.

    {"op": "load", "folder": …, "template": …}    a folder with a tokenizer; another template in place of its own, or null
    {"op": "render", "date": …, "chats": [{"messages", "tools", "variables", "generation", "sanitize"}, …]}
                                                  per chat its text and ids, or why it is refused; `sanitize`: names of special tokens are text

Started by tests/oracle/process.ts.
"""
import datetime
import json
import os
import sys
import traceback

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import transformers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

tokenizer = None
now = datetime.datetime.now()


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return now


chat_template_utils.datetime = FixedDate


def load(request):
    global tokenizer
    folder = request["folder"]
    # A folder without config.json names no class of its own.
    kind = AutoTokenizer if os.path.exists(os.path.join(folder, "config.json")) else PreTrainedTokenizerFast
    tokenizer = kind.from_pretrained(folder)
    if request["template"] is not None:
        tokenizer.chat_template = request["template"]
    if tokenizer.chat_template is None:
        raise ValueError("the folder has no chat template")
    return {"version": transformers.__version__, "class": type(tokenizer).__name__}


def render_one(chat):
    settings = dict(tools=chat["tools"], add_generation_prompt=chat["generation"], **chat["variables"])
    try:
        text = tokenizer.apply_chat_template(chat["messages"], tokenize=False, **settings)
        ids = tokenizer.apply_chat_template(chat["messages"], tokenize=True, return_dict=False, sanitize_control_tokens=chat["sanitize"], **settings)
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"text": text, "ids": ids}


def render(request):
    global now
    now = datetime.datetime.fromisoformat(request["date"])
    return [render_one(chat) for chat in request["chats"]]


OPERATIONS = {"load": load, "render": render}


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
