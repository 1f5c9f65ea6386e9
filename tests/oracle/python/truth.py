"""What transformers makes of a configuration: logits, log-probs, gradients, greedy continuations."""
import json
import os
import tempfile

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.initialization import no_init_weights

from weights import fill


class Refused(Exception):
    """transformers does not take the configuration."""


def model_type_of(config):
    """`model_type`, or that of the class that `architectures` names."""
    if config.get("model_type"):
        return config["model_type"]
    name = (config.get("architectures") or [None])[0]
    config_class = getattr(getattr(transformers, str(name), None), "config_class", None)
    if config_class is None:
        raise Refused(f"expected model_type or a known class in architectures, got {name!r}")
    return config_class.model_type


def build(config, attention, seed):
    """The configuration's model in float32 with the weights of `fill`."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump({**config, "model_type": model_type_of(config)}, file)
        try:
            parsed = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            with no_init_weights():
                model = AutoModelForCausalLM.from_config(parsed, attn_implementation=attention, dtype=torch.float32)
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
    model.tie_weights()  # part of the initialisation that was left out
    fill(model.named_parameters(), seed)
    return model.eval()


def logits(model, inputs):
    """[all tokens but the first of each sequence, vocabulary], in the model's dtype."""
    with torch.no_grad():
        return torch.cat([model(ids, use_cache=False).logits[0, :-1] for ids, *_ in inputs.sequences()])


def backward(model, inputs):
    """Gradients of Σ weight · log-prob over the masked rows, left in the parameters; returns the rows' log-probs, [R].

    The softmax is in float64, so that only the model's own arithmetic is float32.
    """
    logps = []
    for ids, rows, temperature, weights in inputs.sequences():
        chosen = model(ids, use_cache=False).logits[0, rows - 1].double() / temperature
        logp = chosen.log_softmax(-1).gather(1, ids[0, rows][:, None])[:, 0]
        (logp * weights).sum().backward()
        logps.append(logp.detach())
    return torch.cat(logps).float()


def greedy(model, inputs, new_tokens, max_positions):
    """Greedy continuations of every sequence that has room, without a cache; the margin is the best logit minus the second."""
    cases = []
    for begin, end in inputs.spans():
        prompt = inputs.tokens[begin:end].tolist()
        room = min(new_tokens, max_positions - len(prompt))
        tokens, margins = [], []
        for _ in range(room):
            with torch.no_grad():
                last = model(torch.tensor([prompt + tokens]), use_cache=False).logits[0, -1]
            best = last.topk(2)
            tokens.append(int(best.indices[0]))
            margins.append(float(best.values[0] - best.values[1]))
        if tokens:
            cases.append({"prompt": prompt, "tokens": tokens, "margins": margins})
    return cases


def root_mean_square(values):
    """In float64, row by row: a copy of all logits in float64 would be the largest thing in memory."""
    return (sum(float(row.double().square().sum()) for row in values) / values.numel()) ** 0.5


def rms_difference(a, b):
    return (sum(float((x.double() - y.double()).square().sum()) for x, y in zip(a, b)) / a.numel()) ** 0.5


def largest_difference(a, b):
    return max(float((x.double() - y.double()).abs().max()) for x, y in zip(a, b))
