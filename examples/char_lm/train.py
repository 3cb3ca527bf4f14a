#!/usr/bin/env python3
"""Trains the writer of sentences on text.txt, a sentence on each line; writes char_lm.safetensors, with the names of the
layers in char_lm.tn.

    train.py

Needs PyTorch; some minutes on one core; the same seed and PyTorch give the same weights.
"""
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import training  # noqa: E402

EPOCHS, BATCH, RATE = 240, 24, 6e-3
CHARACTERS, EMBEDDING, HIDDEN = 96, 24, 128
IGNORED = -100


class CharLm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CHARACTERS, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, CHARACTERS)

    def forward(self, tokens):
        return self.out(self.lstm(self.embed(tokens))[0])


def encode(line):
    """Tokens of ASCII: 1 for a blank, and so on; a line begins and ends with 0."""
    return torch.tensor([0] + [ord(c) - 31 for c in line] + [0])


def batches(lines):
    """Lines of like length together; what lies behind an end is not learnt."""
    order = sorted(torch.randperm(len(lines)).tolist(), key=lambda i: len(lines[i]) // 8)
    groups = [order[i:i + BATCH] for i in range(0, len(order), BATCH)]
    for at in torch.randperm(len(groups)).tolist():
        rows = [lines[i] for i in groups[at]]
        yield (nn.utils.rnn.pad_sequence([row[:-1] for row in rows], batch_first=True),
               nn.utils.rnn.pad_sequence([row[1:] for row in rows], batch_first=True, padding_value=IGNORED))


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1997)
    lines = [encode(line) for line in (HERE / "text.txt").read_text().splitlines()]
    model = CharLm()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = EPOCHS * ((len(lines) + BATCH - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(1, EPOCHS + 1):
        total = count = 0
        for tokens, wanted in batches(lines):
            losses = F.cross_entropy(model(tokens).flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum")
            letters = (wanted != IGNORED).sum()
            optimizer.zero_grad()
            (losses / letters).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + losses.item(), count + letters.item()
        if epoch % 20 == 0:
            print(f"epoch {epoch}: {total / count:.4f} nats for a character", flush=True)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    training.safetensors_write(HERE / "char_lm.safetensors", tensors, half=True)


if __name__ == "__main__":
    main()
