"""Golden numbers of LoRA adapters, made with PEFT over the models of make_models.py.

    python tests/golden/make_lora.py        (torch, transformers and peft installed; writes tests/golden/lora/)

targets.json: which modules PEFT adapts for many configurations, with rank and scale, or that it refuses.
<adapter>/: adapters as PEFT saves them, with B away from 0, and scores.json: log-probs of the base's batch with the adapter and with
it merged, and the gradients of Σ g·logp by torch autograd. Everything is fp32 on the CPU.
"""
import json
import os
import platform
import re
import shutil
import warnings

import peft
import safetensors.torch
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "lora")
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
            "peft": peft.__version__}
SHAPE = dict(vocab_size=64, hidden_size=24, intermediate_size=40, num_hidden_layers=12, num_attention_heads=3, num_key_value_heads=1,
             head_dim=8, max_position_embeddings=32, tie_word_embeddings=False)

TARGETS = [
    {"target_modules": "all-linear"},
    {"target_modules": "ALL-Linear", "r": 4, "lora_alpha": 32},
    {},
    {"target_modules": ["q_proj", "v_proj"], "r": 16, "use_rslora": True},
    {"target_modules": ["self_attn.q_proj", "down_proj"]},
    {"target_modules": ["model.layers.1.mlp.up_proj"]},
    {"target_modules": ["proj"]},
    {"target_modules": ["_proj"]},
    {"target_modules": ["1.mlp.up_proj"]},
    {"target_modules": []},
    {"target_modules": ["self_attn"]},
    {"target_modules": ["q_proj", "nothing"]},
    {"target_modules": ["input_layernorm"]},
    {"target_modules": ["q_norm"]},
    {"target_modules": ["act_fn", "q_proj"]},
    {"target_modules": r".*\.(q|k|v)_proj"},
    {"target_modules": r".*_proj"},
    {"target_modules": r"model\.layers\.(0|11)\.mlp\..*_proj"},
    {"target_modules": r"layers\.0\.mlp\.up_proj"},
    {"target_modules": r".*layers\.[0-9]\..*(?<!gate)_proj"},
    {"target_modules": r"(?i).*Q_PROJ"},
    {"target_modules": r".*[]x_]proj"},
    {"target_modules": r".*\.\d{,1}\..*up_proj"},
    {"target_modules": r".*"},
    {"target_modules": r"(.*"},
    {"target_modules": "q_proj"},
    {"target_modules": ["q_proj", "o_proj"], "layers_to_transform": [0, 3, 11]},
    {"target_modules": ["q_proj"], "layers_to_transform": 2},
    {"target_modules": ["q_proj"], "layers_to_transform": 0},
    {"target_modules": ["q_proj"], "layers_to_transform": []},
    {"target_modules": ["q_proj"], "layers_to_transform": [40]},
    {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
    {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"]},
    {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "h"},
    {"target_modules": ["model.layers.0.self_attn.q_proj", "k_proj"], "layers_to_transform": [5]},
    {"target_modules": r".*q_proj", "layers_to_transform": [1]},
    {"target_modules": "all-linear", "exclude_modules": ["down_proj", "lm_head"]},
    {"target_modules": "all-linear", "exclude_modules": r".*layers\.([1-9]|10)\..*"},
    {"target_modules": ["q_proj"], "exclude_modules": ["q_proj"]},
    {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}},
    {"target_modules": "all-linear", "rank_pattern": {"layers.1.self_attn.q_proj": 2, "q_proj": 5, ".*mlp.*": 3}, "use_rslora": True},
    {"target_modules": ["q_proj"], "rank_pattern": {"^model.layers.0.self_attn.q_proj": 2, "proj": 3}},
    {"target_modules": ["q_proj", "up_proj"], "rank_pattern": {"(q|k)_proj": 2}, "alpha_pattern": {r"layers\.1\d\..*": 100, ".*": 7}},
    {"target_modules": ["q_proj"], "rank_pattern": {"_proj": 3, "self_attn": 4}},
    {"target_modules": ["q_proj"], "rank_pattern": {"q_proj": 0}},
    {"target_modules": ["q_proj"], "r": 0},
]


def targets(model_class, config):
    cases = []
    for kwargs in TARGETS:
        try:
            with torch.device("meta"):
                model = get_peft_model(model_class(config), LoraConfig(task_type="CAUSAL_LM", **kwargs))
            chosen = {name.removeprefix("base_model.model."): [layer.r["default"], layer.scaling["default"]]
                      for name, layer in model.named_modules() if isinstance(layer, peft.tuners.lora.LoraLayer)}
        except (ValueError, TypeError, AttributeError, re.error) as error:
            chosen = None
            print(f"refused: {kwargs}: {str(error)[:90]}")
        cases.append({"config": kwargs, "modules": chosen})
    return cases


ADAPTERS = {
    "all-linear": (dict(r=4, lora_alpha=8, target_modules="all-linear"), torch.float32),
    "patterns": (dict(r=6, lora_alpha=12, target_modules=["q_proj", "v_proj", "down_proj"], use_rslora=True,
                      rank_pattern={"layers.0.self_attn.q_proj": 2}, alpha_pattern={"down_proj": 5}), torch.bfloat16),
    "pattern-layer-half": (dict(r=3, lora_alpha=7, target_modules=r"model\.layers\.1\..*(up|o)_proj"), torch.float16),
}


def row_logps(model, batch):
    """Log-probs of the rows with mask 1, sequence by sequence; softmax in fp64."""
    rows = []
    for i, temperature in enumerate(batch["temperature"]):
        begin, end = batch["offsets"][i], batch["offsets"][i + 1]
        ids = torch.tensor([batch["tokens"][begin:end]])
        at = torch.tensor([t for t in range(end - begin) if batch["mask"][begin + t]], dtype=torch.long)
        logp = (model(ids).logits[0, at - 1].double() / temperature).log_softmax(-1)
        rows.append(logp.gather(1, ids[0, at][:, None])[:, 0])
    return torch.cat(rows)


def adapter(name, kwargs, dtype):
    folder = os.path.join(OUT, name)
    base = os.path.join(HERE, "tied")
    with open(os.path.join(base, "scores.json")) as f:
        batch = json.load(f)["batch"]
    torch.manual_seed(len(name))
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager"), LoraConfig(task_type="CAUSAL_LM", **kwargs))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_" in key:
                p.copy_((torch.randn_like(p) * 0.06).to(dtype).to(p.dtype))
    logp = row_logps(model, batch)
    weights = torch.linspace(-1, 1, len(logp), dtype=torch.float64)
    (logp * weights).sum().backward()
    gradients = {key.replace(".default", ""): p.grad.clone() for key, p in model.named_parameters() if "lora_" in key}
    state = {key: value.to(dtype) for key, value in peft.get_peft_model_state_dict(model).items()}
    model.peft_config["default"].base_model_name_or_path = "../../tied"
    model.save_pretrained(folder)
    safetensors.torch.save_file(state, os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
    os.remove(os.path.join(folder, "README.md"))
    with torch.no_grad():
        with model.disable_adapter():
            base_logp = row_logps(model, batch)
        merged = row_logps(model.merge_and_unload(), batch)
    safetensors.torch.save_file(gradients, os.path.join(folder, "gradients.safetensors"), metadata=VERSIONS)
    for file in ("adapter_model.safetensors", "gradients.safetensors"):
        os.chmod(os.path.join(folder, file), 0o644)
    write(os.path.join(name, "scores.json"), {"logp": digits(logp), "merged": digits(merged), "base": digits(base_logp),
                                              "weights": [float(w) for w in weights]})
    again = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager"), folder)
    print(f"{name}: log-probs move by up to {float((logp - base_logp).abs().max()):.3f}; read back "
          f"{float((row_logps(again, batch) - logp).abs().max()):.1e}")


def digits(values):
    return [round(float(x), 8) for x in values.detach()]


def write(name, value):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump({"versions": VERSIONS, **value}, f)
        f.write("\n")


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    write("targets.json", {"shape": SHAPE, "qwen2": targets(Qwen2ForCausalLM, Qwen2Config(**SHAPE)),
                           "qwen3": targets(Qwen3ForCausalLM, Qwen3Config(**SHAPE))})
    for name, (kwargs, dtype) in ADAPTERS.items():
        adapter(name, kwargs, dtype)


main()
