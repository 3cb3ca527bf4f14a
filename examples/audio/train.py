#!/usr/bin/env python3
"""Trains an LSTM to sound like an overdriven amplifier; writes amp.safetensors, with the names of the layers in amp.tn.

    train.py

The amplifier is a formula: a signal is made 8 times louder and 0.3 higher, bent by tanh, so lowered that silence is 0, and
loses its heights in a filter of one pole at 3 kHz. The signals are made here, too: plucked strings, tones that rise,
noise. Needs PyTorch; some minutes on one core; the same seed and PyTorch give the same weights.
"""
import pathlib
import sys

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import training  # noqa: E402

RATE, HIDDEN = 48000, 16
STEPS, BATCH, LENGTH, WARM_UP = 1200, 48, 1024, 128
POLE = np.exp(-2 * np.pi * 3000 / RATE)


def plucked(random, count):
    """A chord of strings: harmonics that fade the faster the higher they are."""
    t, x = np.arange(count) / RATE, np.zeros(count)
    for _ in range(random.integers(1, 4)):
        pitch, bright, begin = random.uniform(80, 900), random.uniform(0.3, 0.8), random.integers(count // 2)
        for k in range(1, 16):
            if k * pitch < RATE / 3:
                fade = np.exp(-t * k * random.uniform(1, 5)) * bright ** k
                x[begin:] += (fade * np.sin(2 * np.pi * k * pitch * t))[:count - begin]
    return x


def rising(random, count):
    low, high = np.sort(np.exp(random.uniform(np.log(40), np.log(12000), 2)))
    phase = np.cumsum(low * (high / low) ** np.linspace(0, 1, count)) * 2 * np.pi / RATE
    return np.sin(phase) * np.linspace(*random.uniform(0, 1, 2), count)


def noise(random, count):
    x = random.normal(size=count) * np.linspace(*random.uniform(0, 0.3, 2), count)
    return np.convolve(x, np.ones(4) / 4, "same")


def signals(random, rows, count):
    x = np.zeros((rows, count))
    for row in x:
        kind = random.choice([plucked, plucked, rising, noise])
        row[:] = kind(random, count)
        row *= random.uniform(0.05, 1) / max(np.abs(row).max(), 1e-3)
        if random.random() < 0.2:
            row[random.integers(count):] = 0
    return x


def amplified(x):
    bent, y = np.tanh(8 * x + 0.3) - np.tanh(0.3), np.zeros_like(x)
    last = np.zeros(len(x))
    for t in range(x.shape[1]):
        last = bent[:, t] + POLE * (last - bent[:, t])
        y[:, t] = last
    return 0.8 * y


class Amp(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, x):
        return self.out(self.lstm(x[..., None])[0]).squeeze(-1)


def error(y, wanted):
    """The energy of the error by that of the signal, behind the first samples, which the network hears without a past."""
    return ((y - wanted)[:, WARM_UP:] ** 2).sum() / (wanted[:, WARM_UP:] ** 2).sum()


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1959)
    random = np.random.default_rng(1959)
    x = signals(random, 64, 12 * LENGTH)
    pieces = torch.from_numpy(np.stack([x, amplified(x)]).reshape(2, -1, LENGTH).astype(np.float32))
    kept = signals(random, 16, 4 * LENGTH)
    kept = torch.from_numpy(np.stack([kept, amplified(kept)]).astype(np.float32))
    model = Amp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=STEPS, pct_start=0.1)
    for step in range(1, STEPS + 1):
        sounds, wanted = pieces[:, torch.randperm(pieces.shape[1])[:BATCH]]
        loss = error(model(sounds), wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            with torch.no_grad():
                print(f"step {step}: error {loss.item():.5f}, of other signals {error(model(kept[0]), kept[1]).item():.5f}",
                      flush=True)
    training.safetensors_write(HERE / "amp.safetensors", {name: tensor.numpy() for name, tensor in model.state_dict().items()})


if __name__ == "__main__":
    main()
