"""Golden rotary frequencies, computed by transformers' own functions.

    python tests/golden/make_rope.py          (torch and transformers installed; writes tests/golden/rope.json)

For each set of parameters: the configuration's keys as they stand in a config.json, and the fp32 frequencies [head_dim / 2] and
attention factor that transformers' rotary embedding uses for them.
"""
import json
import os
import platform

import torch
import transformers
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}


def case(name, head_dim, max_positions=4096, **keys):
    return dict(name=name, config=dict(head_dim=head_dim, max_position_embeddings=max_positions, **keys))


def llama3(factor, low, high, original, **keys):
    return dict(rope_type="llama3", factor=factor, low_freq_factor=low, high_freq_factor=high,
                original_max_position_embeddings=original, **keys)


def yarn(factor, **keys):
    return dict(rope_type="yarn", factor=factor, **keys)


CASES = [
    case("nothing given", 64),
    case("default", 128, rope_theta=1000000.0),
    case("default, width no power of two", 80, rope_theta=500000),
    case("default, narrow", 2, rope_theta=10000.0),
    case("default, odd base", 96, rope_theta=12345.678),
    case("default, base below 10", 34, rope_theta=3),
    case("default in rope_parameters", 48, rope_parameters=dict(rope_type="default", rope_theta=70000.0)),
    case("base inside wins over base beside", 48, rope_theta=10000.0, rope_parameters=dict(rope_type="default", rope_theta=70000.0)),
    case("rope_scaling wins over rope_parameters", 32, rope_theta=20000.0, rope_scaling=dict(type="linear", factor=2.0),
         rope_parameters=dict(rope_type="default", rope_theta=70000.0)),
    case("empty rope_scaling", 32, rope_scaling={}, rope_theta=30000.0),
    case("linear", 64, rope_theta=10000.0, rope_scaling=dict(type="linear", factor=4)),
    case("linear, odd factor", 100, rope_theta=10000.0, rope_scaling=dict(rope_type="linear", factor=2.7)),
    case("rope_type wins over type", 64, rope_scaling=dict(rope_type="linear", type="yarn", factor=3.0)),
    case("Llama 3.1", 128, 131072, rope_theta=500000.0, rope_scaling=llama3(8.0, 1.0, 4.0, 8192)),
    case("Llama 3.2", 64, 131072, rope_theta=500000.0, rope_scaling=llama3(32.0, 1.0, 4.0, 8192)),
    case("llama3, odd numbers", 72, 3000, rope_parameters=llama3(3.3, 1.5, 7.25, 700, rope_theta=9999.5)),
    case("llama3, all pairs between", 64, 2048, rope_theta=100.0, rope_scaling=llama3(6.0, 0.001, 1000.0, 512)),
    case("llama3, factors in the wrong order", 64, 2048, rope_theta=10000.0, rope_scaling=llama3(6.0, 4.0, 1.0, 512)),
    case("llama3 without the original context", 64, 1024, rope_theta=10000.0,
         rope_scaling=dict(rope_type="llama3", factor=2.0, low_freq_factor=1.0, high_freq_factor=4.0)),
    case("llama3, original context beside", 64, 1024, rope_theta=10000.0, original_max_position_embeddings=300,
         rope_scaling=llama3(2.0, 1.0, 4.0, 100)),
    case("yarn of Qwen2.5", 128, 32768, rope_theta=1000000.0, rope_scaling=dict(type="yarn", factor=4.0,
         original_max_position_embeddings=32768)),
    case("yarn of Qwen3", 128, 40960, rope_theta=1000000.0, rope_scaling=yarn(4.0, original_max_position_embeddings=32768)),
    case("yarn without the original context", 64, 2048, rope_theta=10000.0, rope_scaling=yarn(8.0)),
    case("yarn, original context beside", 64, 2048, rope_theta=10000.0, original_max_position_embeddings=256,
         rope_scaling=yarn(8.0, original_max_position_embeddings=64)),
    case("yarn, null factor", 64, 2048, rope_theta=10000.0, rope_scaling=yarn(None, original_max_position_embeddings=300)),
    case("yarn, attention factor", 64, 4096, rope_theta=10000.0, rope_scaling=yarn(2.0, attention_factor=0.75,
         original_max_position_embeddings=2048)),
    case("yarn, own borders", 80, 4096, rope_theta=50000.0, rope_scaling=yarn(5.5, beta_fast=48.5, beta_slow=0.3,
         original_max_position_embeddings=700)),
    case("yarn, borders of 0 mean the usual ones", 80, 4096, rope_theta=50000.0, rope_scaling=yarn(5.5, beta_fast=0, beta_slow=0,
         original_max_position_embeddings=700)),
    case("yarn, borders not truncated", 64, 4096, rope_theta=10000.0, rope_scaling=yarn(16.0, truncate=False,
         original_max_position_embeddings=256)),
    case("yarn, mscale of both", 64, 4096, rope_theta=10000.0, rope_scaling=yarn(40.0, mscale=0.707, mscale_all_dim=1.0,
         original_max_position_embeddings=4096)),
    case("yarn, mscale of one", 64, 4096, rope_theta=10000.0, rope_scaling=yarn(40.0, mscale=0.707,
         original_max_position_embeddings=4096)),
    case("yarn, no stretching", 64, 4096, rope_theta=10000.0, rope_scaling=yarn(1.0, original_max_position_embeddings=4096)),
    case("yarn, borders on one pair", 8, 4096, rope_theta=10000.0, rope_scaling=yarn(4.0, beta_fast=1.5, beta_slow=1.5, truncate=False,
         original_max_position_embeddings=1024)),
    case("yarn, short context", 64, 64, rope_theta=1000000.0, rope_scaling=yarn(4.0, original_max_position_embeddings=4)),
]


def main():
    transformers.logging.set_verbosity_error()
    results = []
    for entry in CASES:
        keys = {"hidden_size": 256, "num_attention_heads": 4, **entry["config"]}
        rotary = LlamaRotaryEmbedding(LlamaConfig(**json.loads(json.dumps(keys))))
        results.append({**entry, "frequencies": rotary.inv_freq.tolist(), "scale": float(rotary.attention_scaling)})
    with open(os.path.join(HERE, "rope.json"), "w") as file:
        lines = ",\n".join(json.dumps(result) for result in results)
        file.write(f'{{"versions": {json.dumps(VERSIONS)}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
