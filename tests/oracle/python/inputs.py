"""Packed sequences to compare on: tokens, masks, temperatures and loss weights from integers alone."""
import numpy as np
import torch

from weights import hash_integers, hash_text

TEMPERATURES = (1.0, 0.7, 1.3)


class Inputs:
    """Sequences end to end. A row is a token with mask 1; the logits before it score it, so a first token has mask 0.

    tokens [N], offsets [n + 1], mask [N], temperature [n], row_weights [R] with R = Σ mask.
    """

    def __init__(self, vocab_size, lengths, seed):
        total = sum(lengths)
        stream = lambda what: hash_integers(hash_text(f"{seed}/{what}"), 0, total)
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        self.tokens = (stream("tokens") % np.uint32(vocab_size)).astype(np.int32)
        self.mask = (stream("mask") % np.uint32(4) != 0).astype(np.uint8)
        self.mask[self.offsets[:-1]] = 0
        # Never without a row, and in every longer sequence the last token is one: its gradient reaches all positions.
        self.mask[[end - 1 for begin, end in self.spans() if end - begin > 1]] = 1
        self.temperature = np.array([TEMPERATURES[i % len(TEMPERATURES)] for i in range(len(lengths))], dtype=np.float32)
        signed = stream("row weights").astype(np.float64) / 2.0**31 - 1
        self.row_weights = signed[self.mask == 1].astype(np.float32)

    def spans(self):
        return list(zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist()))

    def sequences(self):
        """Per sequence of two or more tokens: ids [1, L], row positions, temperature, weights of its rows."""
        first_row = 0
        for (begin, end), temperature in zip(self.spans(), self.temperature.tolist()):
            rows = np.flatnonzero(self.mask[begin:end])
            weights = self.row_weights[first_row : first_row + len(rows)]
            first_row += len(rows)
            if end - begin > 1:
                ids = torch.from_numpy(self.tokens[begin:end].astype(np.int64))[None]
                yield ids, torch.from_numpy(rows), temperature, torch.from_numpy(weights).double()

    def tensors(self):
        return {
            "inputs/tokens": torch.from_numpy(self.tokens),
            "inputs/offsets": torch.from_numpy(self.offsets),
            "inputs/mask": torch.from_numpy(self.mask),
            "inputs/temperature": torch.from_numpy(self.temperature),
            "inputs/row_weights": torch.from_numpy(self.row_weights),
        }
