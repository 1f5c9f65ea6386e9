"""Answers the live oracle's requests: one JSON object per line on stdin, one per answer on stdout; progress lines in between.

    {"op": "truth", …}           makes a model, saves its folder and the numbers to compare with
    {"op": "reload", …}          loads a folder that astar-po saved and compares its logits with those numbers
    {"op": "adapter", …}         makes a low-rank adapter with PEFT, saves it and its numbers
    {"op": "reload adapter", …}  loads one that astar-po saved, and compares

Started by tests/oracle/process.ts; libraries print to stderr.
"""
import ctypes
import gc
import json
import os
import sys
import traceback

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

import adapter
import truth
from inputs import Inputs

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def say(**answer):
    answers.write(json.dumps(answer) + "\n")


def open_model(request, dtype):
    model, report = AutoModelForCausalLM.from_pretrained(
        request["folder"], dtype=dtype, attn_implementation=request["attention"], output_loading_info=True
    )
    problems = {kind: sorted(map(str, report[kind])) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if report[kind]}
    if problems:
        raise ValueError(f"{request['folder']} does not hold exactly the tensors of its model: {problems}")
    return model


def inputs_of(request, model):
    return Inputs(model.config.vocab_size, request["lengths"], request["seed"])


def save_numbers(file, model, inputs, named_parameters):
    """Inputs, logits, log-probs and gradients into `file`; returns the logits."""
    expected = truth.logits(model, inputs)
    tensors = {**inputs.tensors(), "logits": expected, "logp": truth.backward(model, inputs)}
    tensors.update((f"gradient/{name}", parameter.grad) for name, parameter in named_parameters)
    save_file(tensors, file)
    return expected


def save_model(model, config, folder, shards):
    """In the dtype that the configuration names, each of which holds the weights exactly, and in about so many files."""
    name = config.get("dtype") or config.get("torch_dtype")
    dtype = getattr(torch, name) if name in ("float16", "bfloat16") else torch.float32
    tensors = {name: parameter.detach().to(dtype) for name, parameter in model.named_parameters()}
    total = sum(tensor.nbytes for tensor in tensors.values())
    model.save_pretrained(folder, state_dict=tensors, max_shard_size=total // shards + 1)


def make_truth(request):
    """config (its text), seed, shards, lengths, attention, greedyTokens, maxPositions; the model goes to `folder`, its numbers to `file`."""
    say(progress="making the model")
    config = json.loads(request["config"])
    model = truth.build(config, request["attention"], request["seed"])
    save_model(model, config, request["folder"], request["shards"])
    inputs = inputs_of(request, model)
    say(progress="greedy continuations")
    cases = truth.greedy(model, inputs, request["greedyTokens"], request["maxPositions"])
    say(progress="logits and gradients in float32")
    expected = save_numbers(request["file"], model, inputs, model.named_parameters())
    del model
    say(progress="logits in bfloat16")
    half = truth.logits(open_model(request, torch.bfloat16), inputs)
    return {"greedy": cases, "logitsRms": truth.root_mean_square(expected), "bfloat16Rms": truth.rms_difference(half, expected)}


def difference(request, model):
    with safe_open(request["file"], "pt") as file:
        return {"difference": truth.largest_difference(truth.logits(model, inputs_of(request, model)), file.get_tensor("logits"))}


def reload(request):
    """The largest difference between the float32 logits of the model in `folder` and those in `file`."""
    say(progress=f"loading {request['folder']}")
    return difference(request, open_model(request, torch.float32))


def make_adapter(request):
    """settings of a LoraConfig; the adapter over the model of `folder` goes to `adapter`, its numbers to `file`."""
    say(progress="making an adapter")
    model = adapter.attach(open_model(request, torch.float32), request["settings"], request["seed"])
    model.save_pretrained(request["adapter"])
    inputs = inputs_of(request, model)
    expected = save_numbers(request["file"], model, inputs, adapter.adapter_tensors(model))
    del model
    half = truth.logits(adapter.load(open_model(request, torch.bfloat16), request["adapter"]), inputs)
    return {"logitsRms": truth.root_mean_square(expected), "bfloat16Rms": truth.rms_difference(half, expected)}


def reload_adapter(request):
    """Like `reload` for the adapter in `adapter` over the model in `folder`."""
    say(progress=f"loading {request['adapter']}")
    return difference(request, adapter.load(open_model(request, torch.float32), request["adapter"]))


OPERATIONS = {"truth": make_truth, "reload": reload, "adapter": make_adapter, "reload adapter": reload_adapter}


def release_memory():
    """Freed pages go back to the system, since the other side needs them now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def answer_to(request):
    try:
        return {"result": OPERATIONS[request["op"]](request)}
    except truth.Refused as error:
        return {"refused": str(error)}
    except Exception:
        return {"failed": traceback.format_exc()}


say(ready=True)
for line in sys.stdin:
    answer = answer_to(json.loads(line))
    release_memory()
    say(**answer)
