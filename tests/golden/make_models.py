"""Golden numbers of tiny Qwen2 models, made with transformers and torch autograd on full logits.

    python tests/golden/make_models.py        (torch and transformers installed; writes tests/golden/<model>/)

For each model: the model folder, greedy continuations of 50 prompts, log-probs, entropies and full-vocabulary KL of masked rows
against a second model, gradients of both presets' losses, and for one model 100 steps of torch.optim.AdamW.
Everything is fp32 on the CPU; sums and softmaxes over the vocabulary in fp64.
"""
import json
import os
import platform

import numpy as np
import safetensors
import safetensors.torch
import torch
import transformers
from transformers import Qwen2Config, Qwen2ForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
            "safetensors": safetensors.__version__, "numpy": np.__version__}

MODELS = {
    # grouped-query attention, tied head
    "tied": dict(vocab_size=320, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=160, tie_word_embeddings=True, rope_theta=10000.0),
    # one key-value head, head of its own
    "untied": dict(vocab_size=288, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                   num_key_value_heads=1, max_position_embeddings=160, tie_word_embeddings=False, rope_theta=1000000.0),
    # as many key-value heads as heads, an odd number of them, a long intermediate row
    "odd": dict(vocab_size=271, hidden_size=40, intermediate_size=72, num_hidden_layers=3, num_attention_heads=5,
                num_key_value_heads=5, max_position_embeddings=96, tie_word_embeddings=True, rope_theta=500000.0),
}


def build(shape, seed):
    """Weights that make every part matter: biases and norms away from 0 and 1, logits scaled apart."""
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(Qwen2Config(**shape, rms_norm_eps=1e-6, bos_token_id=None, eos_token_id=None, attn_implementation="eager"))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_((1.0 if "norm" in name else 0.0) + 0.3 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (0.6 if "embed" in name or "lm_head" in name else 1.6 / p.shape[1] ** 0.5))
        model.model.norm.weight.mul_(2.0)
    return model.eval().float()


def write_tokenizer(folder):
    """256 bytes and four special tokens: enough for a model folder to be complete."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    chars, extra = {}, 256
    for byte in range(256):
        chars[byte] = chr(byte) if byte in printable else chr(extra)
        extra += byte not in printable
    vocab = {c: i for i, c in enumerate(sorted(chars.values()))}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    special = ["<|end|>", "<|user|>", "<|agent|>", "<|system|>"]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": 256 + i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True} for i, t in enumerate(special)],
        "normalizer": None, "pre_tokenizer": level, "post_processor": level, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": []},
    }
    with open(os.path.join(folder, "tokenizer.json"), "w") as f:
        json.dump(tokenizer, f)


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w") as f:
        json.dump({"versions": VERSIONS, **value}, f)
        f.write("\n")


def greedy(model, shape, count=50, new_tokens=24):
    """Greedy continuations by transformers, and how far the likeliest token stays ahead of the second."""
    rng = np.random.default_rng(7)
    cases, smallest = [], float("inf")
    for i in range(count):
        length = 1 + int(rng.integers(0, 60)) if i else 1
        prompt = rng.integers(0, shape["vocab_size"], length).tolist()
        with torch.no_grad():
            ids = torch.tensor([prompt])
            out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new_tokens,
                                 pad_token_id=0)[0].tolist()
            logits = model(torch.tensor([out])).logits[0, length - 1:-1].double()
        top = logits.topk(2).values
        smallest = min(smallest, float((top[:, 0] - top[:, 1]).min()))
        logp = logits.log_softmax(-1).gather(1, torch.tensor(out[length:])[:, None])[:, 0]
        cases.append({"prompt": prompt, "tokens": out[length:], "logps": [round(float(x), 7) for x in logp]})
    return cases, smallest


def make_batch(shape, seed):
    """Trajectories of several turns: runs of mask 0 and 1, one with a single row, one without any."""
    rng = np.random.default_rng(seed)
    tokens, mask, offsets = [], [], [0]
    for runs in [(5, 3, 4, 6), (1, 7), (9, 1), (12, 2, 1, 5, 7, 4, 3), (6,), (3, 20, 2, 9)]:
        for i, length in enumerate(runs):
            tokens += rng.integers(0, shape["vocab_size"], length).tolist()
            mask += [i % 2] * length
        offsets.append(len(tokens))
    return {"tokens": tokens, "mask": mask, "offsets": offsets, "temperature": [1.0, 0.7, 1.3, 0.9, 1.0, 1.6]}


def row_values(model, reference, batch):
    """Per sequence: (logp, entropy, kl, reference logp) of its rows; gradients flow through the first three."""
    result = []
    for i, temperature in enumerate(batch["temperature"]):
        begin, end = batch["offsets"][i], batch["offsets"][i + 1]
        ids = torch.tensor([batch["tokens"][begin:end]])
        rows = [t for t in range(end - begin) if batch["mask"][begin + t]]
        at = torch.tensor([t - 1 for t in rows], dtype=torch.long)
        target = ids[0, torch.tensor(rows, dtype=torch.long)]
        logp = (model(ids).logits[0, at].double() / temperature).log_softmax(-1)
        with torch.no_grad():
            ref = (reference(ids).logits[0, at].double() / temperature).log_softmax(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        kl = (logp.exp() * (logp - ref)).sum(-1)
        pick = lambda x: x.gather(1, target[:, None])[:, 0]
        result.append((pick(logp), entropy, kl, pick(ref)))
    return result


def astar_po_loss(values, data):
    """(1/B) Σ (β2 (S − S_ref) + V* − r)², over trajectories that have rows."""
    live = [i for i, v in enumerate(values) if len(v[0])]
    return sum((data["beta2"] * (values[i][0].sum() - values[i][3].sum()) + data["vstar"][i] - data["returns"][i]) ** 2 for i in live) / len(live)


def astar_po_sft_loss(values, data):
    """mean_i (w_i · CE_i) + kl_coef · mean_i KL_i, both means over a trajectory's rows."""
    live = [i for i, v in enumerate(values) if len(v[0])]
    ce = sum(data["weights"][i] * -values[i][0].mean() for i in live) / len(live)
    return ce + data["klCoef"] * sum(values[i][2].mean() for i in live) / len(live)


def sft_weights(values, data):
    """a = clip((A − mean) / (unbiased std + 1e-6), ±3), w = clamp(a + 1, .1, 5) over trajectories that have rows; 0 for the others."""
    live = [i for i, v in enumerate(values) if len(v[0])]
    a = torch.tensor([data["returns"][i] - data["vstar"][i] for i in live], dtype=torch.float64)
    w = (((a - a.mean()) / (a.std() + 1e-6)).clamp(-3, 3) + 1).clamp(0.1, 5)
    return [float(w[live.index(i)]) if i in live else 0.0 for i in range(len(values))]


LOSSES = {"astar-po": astar_po_loss, "astar-po-sft": astar_po_sft_loss}


def flat(values, index):
    return [round(float(x), 8) for v in values for x in v[index].detach()]


def score_and_gradients(folder, model, reference, shape):
    batch = make_batch(shape, 11)
    with torch.no_grad():
        values = row_values(model, reference, batch)
    scores = {"batch": batch, "logp": flat(values, 0), "entropy": flat(values, 1), "kl": flat(values, 2), "referenceLogp": flat(values, 3)}
    data = {"beta2": 0.05, "klCoef": 0.1, "returns": [1.0, 0.0, 0.5, 1.0, 0.0, 0.25], "vstar": [0.4, 0.3, 0.5, 0.717, 0.2, 0.1]}
    data["weights"] = sft_weights(values, data)
    losses, tensors = {}, {}
    for name, loss_of in LOSSES.items():
        model.zero_grad()
        loss = loss_of(row_values(model, reference, batch), data)
        loss.backward()
        losses[name] = float(loss.detach())
        for parameter, p in model.named_parameters():
            tensors[f"{name}/{parameter}"] = p.grad.clone()
    path = os.path.join(folder, "gradients.safetensors")
    safetensors.torch.save_file(tensors, path, metadata=VERSIONS)
    os.chmod(path, 0o644)
    write_json(folder, "scores.json", {**scores, "objective": data, "losses": losses})


def pseudo_gradient(shape, offset, step):
    """The same float32 values as tests/native/adamw.test.ts makes, from integers alone."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(offset)
    with np.errstate(over="ignore"):
        x = (i * np.uint32(2654435761)) ^ (np.uint32(step) * np.uint32(2246822519))
        x = (x ^ (x >> np.uint32(15))) * np.uint32(3266489917)
        x = x ^ (x >> np.uint32(13))
    scale = 2.0 ** (-(step % 9) - 4)  # some steps are clipped, some are not
    return torch.from_numpy(((x.astype(np.float64) / 2**32 - 0.5) * scale).astype(np.float32).reshape(shape))


def adamw(folder, model):
    options = {"lr": 0.003, "beta1": 0.9, "beta2": 0.98, "eps": 1e-8, "weightDecay": 0.1, "clip": 1.0, "steps": 100}
    named = list(model.named_parameters())
    groups = [{"params": [p for _, p in named if p.dim() > 1], "weight_decay": options["weightDecay"]},
              {"params": [p for _, p in named if p.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options["lr"], betas=(options["beta1"], options["beta2"]), eps=options["eps"], foreach=False)
    norms = []
    for step in range(options["steps"]):
        offset = 0
        for _, p in named:
            p.grad = pseudo_gradient(tuple(p.shape), offset, step)
            offset += p.numel()
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for _, p in named], options["clip"])))
        optimizer.step()
    tensors = {name: p.detach().clone() for name, p in named}
    path = os.path.join(folder, "adamw.safetensors")
    safetensors.torch.save_file(tensors, path, metadata=VERSIONS)
    os.chmod(path, 0o644)
    write_json(folder, "adamw.json", {"options": options, "order": [name for name, _ in named], "gradNorms": norms})


def write_model(folder, model):
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    write_tokenizer(folder)


def perturbed(shape, seed):
    """The second model: the first with every tensor moved by a tenth of its spread."""
    model = build(shape, seed)
    torch.manual_seed(seed + 1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1 * p.std())
    return model


def main():
    torch.set_num_threads(1)
    for index, (name, shape) in enumerate(MODELS.items()):
        folder = os.path.join(HERE, name)
        for seed in range(100 * index, 100 * index + 60):
            model = build(shape, seed)
            cases, gap = greedy(model, shape)
            if gap > 0.01:
                break
        else:
            raise SystemExit(f"{name}: no seed keeps the likeliest token ahead")
        print(f"{name}: seed {seed}, smallest gap {gap:.4f}, {len({t for c in cases for t in c['tokens']})} distinct tokens")
        write_model(folder, model)
        write_json(folder, "greedy.json", {"smallestGap": gap, "cases": cases})
        if name == "odd":
            continue
        reference = perturbed(shape, seed)
        write_model(os.path.join(folder, "reference"), reference)
        score_and_gradients(folder, model, reference, shape)
        if name == "untied":
            adamw(folder, model)


main()
