"""Random conversations: what a shopping agent, its user and its tools might say, and what somebody hostile might."""
import random

TOOLS = [
    {"type": "function", "function": {"name": "search", "description": "Finds things that are for sale.", "parameters": {
        "type": "object",
        "properties": {"query": {"type": "string", "description": " What to look for: \"café\" <b> 日本 "},
                       "limit": {"type": ["integer", "string"]},
                       "prices": {"type": "array", "items": {"type": "number"}, "description": "From and to."}},
        "required": ["query"]}, "return": {"type": "object", "additionalProperties": {"type": "string"}}}},
    {"type": "function", "function": {"name": "leave", "description": "Ends it.", "parameters": {"type": "object", "properties": {}}}},
]
TEXTS = [
    "I want blue shoes, size 42, under $30.00.", "search[blue shoes]", "Page 1 of 3 [SEP] B01 – naïve Ünïcode 日本語 🙂", "", "  ", "\n",
    "\n\n  two lines, then one\n", " edges ", "{{ messages }} {% if x %} {# c #}", "'single' \"double\" \\n \\\\ <b>&amp;</b>", "{\"a\": [1, 2.5, null]}",
    "line\r\nwith feeds\ttabs", "x" * 60, "زيتون e\u0301 \u200b\ufeff", "[INST is not closed", "</tool_response", "/no_think please", "%s {} $1 $&",
]
THOUGHTS = ["first I look", "", "\nlines\n\nof thought\n", "<b>"]


def text(rng):
    return rng.choice(TEXTS) if rng.random() < 0.8 else " ".join(rng.choice(TEXTS) for _ in range(2))


def call(rng):
    arguments = {"query": text(rng)} if rng.random() < 0.7 else {"limit": 3, "prices": [1, 2.5], "deep": {"ü": None, "b": True}}
    return {"id": "call%05d" % rng.randrange(100000), "type": "function", "function": {"name": rng.choice(["search", "leave"]), "arguments": arguments}}


def assistant_turn(rng, calls, thinks):
    """An assistant's message, and those of the tools that it called."""
    message = {"role": "assistant", "content": text(rng)}
    if thinks and rng.random() < 0.5:
        if rng.random() < 0.5:
            message["content"] = "<think>\n" + rng.choice(THOUGHTS) + "\n</think>\n\n" + message["content"]
        else:
            message["reasoning_content"] = rng.choice(THOUGHTS)
    if not calls or rng.random() < 0.4:
        return [message]
    message["tool_calls"] = [call(rng) for _ in range(rng.choice([1, 1, 2]))]
    if rng.random() < 0.5:
        message["content"] = rng.choice(["", None])
    results = [{"role": "tool", "name": one["function"]["name"], "tool_call_id": one["id"], "content": text(rng)} for one in message["tool_calls"]]
    return [message, *results]


def conversation(seed, calls=False, thinks=False, system=0.5, turns=4):
    """Messages that end where the model speaks, unless the last turn stays without an answer."""
    rng = random.Random(seed)
    messages = [{"role": "system", "content": text(rng)}] if rng.random() < system else []
    messages.append({"role": "user", "content": text(rng)})
    for _ in range(rng.randrange(turns)):
        answered = assistant_turn(rng, calls, thinks)
        messages += answered if answered[-1]["role"] == "tool" else [*answered, {"role": "user", "content": text(rng)}]
    if rng.random() < 0.2:
        messages.append({"role": "assistant", "content": text(rng)})
    return messages


def with_names(messages, names, seed):
    """The same messages with names of special tokens in their texts."""
    rng = random.Random(seed)

    def spoil(value):
        at = rng.randrange(len(value) + 1)
        return value[:at] + rng.choice(names) + value[at:]

    return [{**m, "content": spoil(m["content"])} if m.get("content") is not None and m["role"] != "assistant" else m for m in messages]
