"""Random-looking weights from integers alone, the same bit for bit in tests/oracle/weights.ts.

Element i of a tensor is k · 2^e with an integer k of at most seven bits, so that float32, bfloat16 and float16 hold it exactly: what two
programs make of the weights differs by their arithmetic and by nothing else. Biases are not zero and norms not one, since such
values would hide a forgotten tensor; matrices are large enough that the logits' root mean square is near 1 or above.
"""
import numpy as np
import torch

CHUNK = 1 << 22  # elements at a time: the hash of a large embedding would need gigabytes


def hash_text(text):
    """FNV-1a, 32 bits, over UTF-8 (http://www.isthe.com/chongo/tech/comp/fnv/)."""
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def hash_integers(key, begin, end):
    """One uint32 per integer in [begin, end): multiplied by an odd number, then MurmurHash3's finaliser."""
    x = np.arange(begin, end, dtype=np.uint64).astype(np.uint32)
    with np.errstate(over="ignore"):
        x = (x * np.uint32(2654435761)) ^ np.uint32(key)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(2246822507)
        x = (x ^ (x >> np.uint32(13))) * np.uint32(3266489909)
        return x ^ (x >> np.uint32(16))


def exponent(name, shape):
    """e of the formula: about 1.2 / sqrt(inputs) for a layer's matrix, twice that for the embedding and the head, an eighth for adapters.

    A product of larger ones, times a scale of 16, would outweigh the matrix and make of rounding what no two programs share."""
    if len(shape) == 1:
        return -8
    half = shape[1].bit_length() // 2
    if "lora_" in name:
        return -9 - half
    return -5 - half if "embed_tokens" in name or "lm_head" in name else -6 - half


def values(seed, name, shape, begin, end):
    """Elements [begin, end) of a tensor, flattened, in float32."""
    bits = hash_integers(hash_text(f"{seed}/{name}"), begin, end) >> np.uint32(25)
    if "norm" in name:
        return (128 + bits.astype(np.float32) - 64) * np.float32(2.0**-7)
    return (2 * bits.astype(np.float32) - 127) * np.float32(2.0 ** exponent(name, shape))


def fill(named_tensors, seed):
    """Overwrites tensors in place."""
    with torch.no_grad():
        for name, tensor in named_tensors:
            flat = tensor.view(-1)
            for begin in range(0, flat.numel(), CHUNK):
                end = min(begin + CHUNK, flat.numel())
                flat[begin:end] = torch.from_numpy(values(seed, name, tuple(tensor.shape), begin, end))
