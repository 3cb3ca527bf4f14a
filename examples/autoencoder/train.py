#!/usr/bin/env python3
"""Trains both autoencoders to take noise out of digits; writes dense.safetensors and conv.safetensors.

    train.py DIGITS          DIGITS: see ../training.py

Each epoch every digit gets new noise: normal, deviation 0.4, cut to 0..1. The loss is the cross entropy of the pixels.
The weights beside this file come from 10 000 training digits of MNIST, as github.com/cazala/mnist redistributes them.
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

EPOCHS, BATCH, RATE, NOISE = 30, 64, 3e-3, 0.4


class Dense(nn.Module):
    def __init__(self, hidden=64, code=24):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(28 * 28, hidden), nn.ReLU(), nn.Linear(hidden, code))
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, 28 * 28))

    def forward(self, x):
        return self.decoder(self.encoder(x.flatten(1))).reshape(x.shape)


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU())
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 1, 3, 1, 1))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def noisy(images):
    return (images + NOISE * torch.randn(images.shape)).clamp(0, 1)


def error(model, images):
    """Mean square over all pixels, of the digits that no network learns from."""
    with torch.no_grad():
        return F.mse_loss(torch.sigmoid(model(noisy(images))), images).item()


def train(name, model, images, kept):
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = EPOCHS * ((len(images) + BATCH - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(1, EPOCHS + 1):
        for rows in torch.randperm(len(images)).split(BATCH):
            clean = images[rows]
            loss = F.binary_cross_entropy_with_logits(model(noisy(clean)), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 5 == 0:
            print(f"{name}, epoch {epoch}: last loss {loss.item():.4f}, mean square {error(model, kept):.4f}", flush=True)
    training.safetensors_write(HERE / f"{name}.safetensors",
                               {key: tensor.numpy() for key, tensor in model.state_dict().items()})


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, kept = (torch.from_numpy(pictures)[:, None]
                    for pictures in (training.digits_read(sys.argv[1])[0], training.digits_kept()[0]))
    for name, kind in (("dense", Dense), ("conv", Conv)):
        torch.manual_seed(1986)
        train(name, kind(), images, kept)


if __name__ == "__main__":
    main()
