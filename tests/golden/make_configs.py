"""How transformers reads config.json files: randomly changed ones, and the decoder that each becomes.

    python tests/golden/make_configs.py [--seed 1] [--count 300] [--out tests/golden/configs.json]
                                              (torch and transformers installed)

Every case starts from a file of tests/oracle/configs ("bases"), changes up to six keys, and is opened as a user would: AutoConfig, then
AutoModelForCausalLM, then one forward pass. What the model is, is taken from its modules, and which keys a query sees from its
attention weights, not from the configuration. A case that fails anywhere on that way is recorded with its error.
"""
import argparse
import copy
import glob
import json
import os
import platform
import random
import tempfile
import warnings

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
LENGTH = 40  # of the forward pass: windows of as many keys show as no window
LARGEST = dict(hidden_size=512, intermediate_size=2000, num_hidden_layers=8, vocab_size=10000)


def random_rope(rng):
    """Keys of a rope object, of the right kind or not."""
    rope = {}
    kinds = ["default", "linear", "llama3", "llama3", "yarn", "yarn", "dynamic", "longrope", "su", "Yarn", None]
    if rng.random() < 0.9:
        rope[rng.choice(["rope_type", "rope_type", "type"])] = rng.choice(kinds)
    optional = dict(
        type=(0.1, ["linear", "yarn", "default"]),
        factor=(0.8, [1, 2, 2.5, 4.0, 8, 32, None, 0]),
        rope_theta=(0.5, [10000.0, 1e6, 500000, 3, 777.7, None]),
        low_freq_factor=(0.6, [1, 1.0, 2, 0.5]),
        high_freq_factor=(0.6, [4, 4.0, 1, 8]),
        original_max_position_embeddings=(0.6, [64, 128, 8192, 256, None, 100.5]),
        attention_factor=(0.3, [1.1, 1, None, 0.5, 2.0]),
        beta_fast=(0.3, [32, 16, 64.5, 0, None, 8]),
        beta_slow=(0.3, [1, 2, 0.5, 0, None]),
        mscale=(0.3, [1, 0.707, 0, None]),
        mscale_all_dim=(0.3, [1, 0.707, 0, None]),
        truncate=(0.2, [True, False]),
        partial_rotary_factor=(0.05, [1, 1.0, 0.5]),
        finetuned=(0.05, [True]),
    )
    for key, (chance, values) in optional.items():
        if rng.random() < chance:
            rope[key] = rng.choice(values)
    return rope


def random_layer_types(rng, layers):
    mixed = [rng.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    one_kind = [[kind] * layers for kind in ["full_attention", "sliding_attention", "attention", "chunked_attention"]]
    return rng.choice([None, mixed, mixed, ["full_attention"] * (layers + 1), *one_kind])


def change(rng, config):
    """One key set to another value, or removed."""
    simple = dict(
        num_key_value_heads=[None, 1, 2, 3, 4, 6],
        head_dim=[None, 6, 8, 10, 16, 24, 32, 128],
        rope_theta=[10000, 1e6, 500000.0, 33.3, None],
        sliding_window=[None, 1, 5, 16, 4096],
        use_sliding_window=[True, False],
        max_window_layers=[0, 1, 2, 3, 28],
        attention_bias=[True, False],
        mlp_bias=[True, False],
        tie_word_embeddings=[True, False],
        rms_norm_eps=[1e-5, 1e-6, 1e-12, 0.1],
        hidden_act=["silu", "swish", "gelu"],
        hidden_size=[48, 50, 60, 64, 72, 96],
        intermediate_size=[64, 100],
        num_attention_heads=[1, 2, 3, 4, 6, 8],
        num_hidden_layers=[1, 2, 3, 5],
        max_position_embeddings=[64, 128, 1024, 131072],
        original_max_position_embeddings=[64, 128, 999],
        eos_token_id=[None, 0, 1, [1, 2], 100000],
        model_type=["qwen2", "qwen3", "llama", "mistral"],
    )
    kind = rng.randrange(len(simple) + 6)
    if kind < len(simple):
        key = list(simple)[kind]
        config[key] = rng.choice(simple[key])
        if key == "model_type":
            config.pop("architectures", None)
    elif kind < len(simple) + 3:
        config[rng.choice(["rope_scaling", "rope_parameters"])] = rng.choice([None, {}, *(random_rope(rng) for _ in range(4))])
    elif kind == len(simple) + 3:
        config["layer_types"] = random_layer_types(rng, config.get("num_hidden_layers", 2))
    else:
        config.pop(rng.choice(list(config)), None)


def decoder_of(config):
    """What a config.json becomes; None where the defaults of absent keys make it too large to build."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(config, file)
        read = AutoConfig.from_pretrained(folder)
    if any(getattr(read, key) > most for key, most in LARGEST.items()):
        return None
    model = AutoModelForCausalLM.from_config(read, attn_implementation="eager").eval()
    with torch.no_grad():
        output = model(torch.arange(LENGTH)[None] % read.vocab_size, output_attentions=True)
    if not output.logits.isfinite().all():
        raise ValueError("logits are not finite")
    layer, rotary = model.model.layers[0], model.model.rotary_emb
    seen = [int((attention[0, 0, -1] > 0).sum()) for attention in output.attentions]
    eos = read.eos_token_id
    return dict(
        architecture=type(model).__name__,
        vocabSize=model.lm_head.out_features, hiddenSize=model.lm_head.in_features,
        intermediateSize=layer.mlp.gate_proj.out_features, layers=len(model.model.layers),
        heads=layer.self_attn.q_proj.out_features // layer.self_attn.head_dim,
        kvHeads=layer.self_attn.k_proj.out_features // layer.self_attn.head_dim,
        headDim=layer.self_attn.head_dim, maxPositions=read.max_position_embeddings,
        rmsNormEps=layer.input_layernorm.variance_epsilon,
        qkvBias=layer.self_attn.q_proj.bias is not None, outputBias=layer.self_attn.o_proj.bias is not None,
        mlpBias=layer.mlp.gate_proj.bias is not None, qkNorm=hasattr(layer.self_attn, "q_norm"),
        tiedHead=model.lm_head.weight is model.model.embed_tokens.weight,
        windows=[0 if keys == LENGTH else keys for keys in seen],
        eosTokenIds=[] if eos is None else eos if isinstance(eos, list) else [eos],
        slowest=float(rotary.inv_freq[-1]), middle=float(rotary.inv_freq[len(rotary.inv_freq) // 2]),
        ropeScale=float(rotary.attention_scaling),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--out", default=os.path.join(HERE, "configs.json"))
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    rng = random.Random(options.seed)
    bases = {}
    for path in sorted(glob.glob(os.path.join(HERE, "..", "oracle", "configs", "*.json"))):
        with open(path) as file:
            bases[os.path.basename(path)] = json.load(file)
    cases = []
    while len(cases) < options.count:
        name = rng.choice(list(bases))
        config = copy.deepcopy(bases[name])
        for _ in range(rng.randint(0, 6)):
            change(rng, config)
        case = dict(base=name, removed=[key for key in bases[name] if key not in config],
                    changed={key: value for key, value in config.items() if key not in bases[name] or bases[name][key] != value})
        try:
            decoder = decoder_of(config)
        except Exception as error:  # whatever transformers raises is its answer
            cases.append({**case, "error": f"{type(error).__name__}: {error}"[:160]})
            continue
        if decoder is not None:
            cases.append({**case, "decoder": decoder})
    with open(options.out, "w") as file:
        lines = ",\n".join(json.dumps(case) for case in cases)
        file.write(f'{{"versions": {json.dumps(VERSIONS)}, "bases": {json.dumps(bases)}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
