"""Golden numbers of small models of every family, made with transformers and torch autograd.

    python tests/golden/families/make.py    (with the packages of tests/oracle/python/requirements.txt; writes NAME/ beside itself)

For each model config.json and expected.safetensors: the inputs, the fp32 logits of every token but the first of each sequence, log-probs
of the masked rows, and the gradients of Σ weight · log-prob. manifest.json names the versions and transformers' own bf16 error.
Weights are not stored: tests/oracle/python/weights.py and tests/oracle/weights.ts make the same ones.
"""
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "oracle", "python"))
import truth
from inputs import Inputs

ATTENTION = "sdpa"
SEED = 4
LENGTHS = [7, 1, 2, 33, 12]

COMMON = dict(vocab_size=300, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              max_position_embeddings=64, rms_norm_eps=1e-6, hidden_act="silu", bos_token_id=None, eos_token_id=None)
FAMILIES = {
    "qwen2": dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", rope_theta=1000000.0, use_sliding_window=False),
    "qwen3": dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", rope_theta=1000000.0, head_dim=16),
    "llama": dict(architectures=["LlamaForCausalLM"], model_type="llama", rope_theta=500000.0, rms_norm_eps=1e-5),
    "mistral": dict(architectures=["MistralForCausalLM"], model_type="mistral", rope_theta=10000.0, sliding_window=None),
    "ministral": dict(architectures=["MinistralForCausalLM"], model_type="ministral", rope_theta=10000.0, head_dim=8),
}
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)

MODELS = {
    # tied head, grouped queries
    "qwen2-tied": dict(tie_word_embeddings=True),
    # one key head, a width that is no multiple of 8, an odd vocabulary
    "qwen2-one-key-head": dict(tie_word_embeddings=False, hidden_size=30, num_attention_heads=5, num_key_value_heads=1, vocab_size=301),
    # as many key heads as heads, heads of 10, the spelling of transformers 4
    "qwen2-yarn": dict(hidden_size=30, num_attention_heads=3, num_key_value_heads=3, tie_word_embeddings=True,
                       rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=16)),
    # the upper layers slide
    "qwen2-window": dict(tie_word_embeddings=True, num_hidden_layers=3, use_sliding_window=True, sliding_window=9, max_window_layers=1),
    "qwen3-tied": dict(tie_word_embeddings=True),
    # heads wider than the model, biases
    "qwen3-wide-heads": dict(tie_word_embeddings=False, head_dim=18, attention_bias=True),
    "qwen3-yarn": dict(tie_word_embeddings=True, num_attention_heads=3, num_key_value_heads=1,
                       rope_scaling=dict(YARN, attention_factor=1.25, beta_fast=8, beta_slow=2)),
    "qwen3-layer-types": dict(tie_word_embeddings=True, num_hidden_layers=3, head_dim=6, use_sliding_window=True, sliding_window=5,
                              layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
    "llama-default": dict(tie_word_embeddings=False, num_key_value_heads=4),
    "llama-linear-biases": dict(tie_word_embeddings=True, attention_bias=True, mlp_bias=True, rope_scaling=dict(type="linear", factor=2.5)),
    "llama-llama3": dict(tie_word_embeddings=True, rope_scaling=LLAMA3),
    # the spelling of transformers 5, heads of their own width
    "llama-llama3-untied": dict(tie_word_embeddings=False, head_dim=20, num_key_value_heads=1, rope_theta=None,
                                rope_parameters=dict(LLAMA3, rope_theta=500000.0, factor=32.0)),
    "llama-yarn": dict(tie_word_embeddings=True, rope_scaling=dict(YARN, factor=8.0, mscale=0.7, mscale_all_dim=1.0, truncate=False)),
    # SmolLM2: Llama with nine heads over three key heads and a tied head
    "smollm2": dict(family="llama", hidden_size=36, num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
                    rope_theta=100000.0),
    "smollm2-one-layer": dict(family="llama", num_hidden_layers=1, hidden_size=45, num_attention_heads=15, num_key_value_heads=5,
                              head_dim=4, tie_word_embeddings=True),
    "smollm2-long": dict(family="llama", hidden_size=36, num_attention_heads=6, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True,
                         rope_theta=130000.0, rope_scaling=dict(rope_type="linear", factor=4.0)),
    "smollm2-untied": dict(family="llama", hidden_size=33, num_attention_heads=3, num_key_value_heads=3, head_dim=12,
                           tie_word_embeddings=False, vocab_size=333),
    "mistral-window": dict(tie_word_embeddings=False, sliding_window=8),
    "mistral-own-head-dim": dict(tie_word_embeddings=True, sliding_window=16, head_dim=14, num_attention_heads=3, num_key_value_heads=1),
    "mistral-no-window": dict(tie_word_embeddings=True, num_key_value_heads=4),
    "mistral-one-token-window-yarn": dict(tie_word_embeddings=True, sliding_window=1,
                                          rope_parameters=dict(YARN, rope_theta=10000.0, factor=16.0)),
    "ministral": dict(tie_word_embeddings=True, sliding_window=6, layer_types=["sliding_attention", "full_attention"]),
}


def config_of(name):
    own = dict(MODELS[name])
    family = own.pop("family", name.split("-")[0])
    config = {**COMMON, **FAMILIES[family], **own}
    return {key: value for key, value in config.items() if not (key == "rope_theta" and "rope_parameters" in own)}


def make(name):
    config = config_of(name)
    model = truth.build(config, ATTENTION, SEED)
    inputs = Inputs(config["vocab_size"], LENGTHS, SEED)
    expected = truth.logits(model, inputs)
    tensors = {**inputs.tensors(), "logits": expected, "logp": truth.backward(model, inputs)}
    tensors.update((f"gradient/{parameter}", p.grad) for parameter, p in model.named_parameters())
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        half = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation=ATTENTION)
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "expected.safetensors")
    save_file(tensors, path)
    os.chmod(path, 0o644)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    return {"logitsRms": truth.root_mean_square(expected), "bfloat16Rms": truth.rms_difference(truth.logits(half, inputs), expected)}


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    versions = {name: version(name) for name in ("torch", "transformers", "safetensors", "numpy")}
    manifest = {"versions": {"python": platform.python_version(), **versions}, "attention": ATTENTION, "seed": SEED,
                "models": {name: make(name) for name in MODELS}}
    with open(os.path.join(HERE, "manifest.json"), "w") as file:
        json.dump(manifest, file, indent=2)
        file.write("\n")


main()
