"""Low-rank adapters by PEFT over a model of truth.py."""
from peft import LoraConfig, PeftModel, get_peft_model

from weights import fill

PREFIX = "base_model.model."


def adapter_tensors(model):
    """(name without PEFT's own parts, parameter) of every A and B: model.layers.0.self_attn.q_proj.lora_A.weight."""
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            yield name.removeprefix(PREFIX).replace(".default.", "."), parameter


def attach(base, settings, seed):
    """A new adapter with weights of `fill` in A and in B, where PEFT itself would begin with zeros."""
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **settings))
    fill(adapter_tensors(model), seed)
    return model.eval()


def load(base, folder):
    """PEFT keeps the adapter in float32 also over a base in bfloat16."""
    return PeftModel.from_pretrained(base, folder, is_trainable=True).eval()
