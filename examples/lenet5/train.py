#!/usr/bin/env python3
"""Trains LeNet-5 on handwritten digits and writes lenet5.safetensors, with the names of the layers in lenet5.tn.

    train.py DIGITS          DIGITS: see ../training.py

The form of 1998: tanh, average pooling, five layers with weights. Each epoch sees every digit turned, scaled, slanted,
moved and bent anew, which is worth more than twice the data. The weights beside this file come from 10 000 training
digits of MNIST, as github.com/cazala/mnist redistributes them. Needs PyTorch; some minutes on one core; the same seed
and PyTorch give the same weights.
"""
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import training  # noqa: E402

EPOCHS, BATCH, RATE = 60, 64, 2e-3


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))


def bend(images):
    """A random affine map and a smooth displacement for each of images f32[n, 1, 28, 28]."""
    n = images.shape[0]
    spread = lambda width, *shape: (torch.rand(n, *shape) * 2 - 1) * width
    angle, slant, scale, shift = spread(0.22), spread(0.25), 1 + spread(0.15, 2), spread(0.14, 2)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    maps = torch.stack([
        torch.stack([cosine * scale[:, 0], (cosine * slant - sine) * scale[:, 0], shift[:, 0]], 1),
        torch.stack([sine * scale[:, 1], (sine * slant + cosine) * scale[:, 1], shift[:, 1]], 1)], 1)
    grid = F.affine_grid(maps, images.shape, align_corners=False)
    bumps = F.interpolate(spread(0.10, 2, 5, 5), size=(28, 28), mode="bicubic", align_corners=True)
    return F.grid_sample(images, grid + bumps.permute(0, 2, 3, 1), align_corners=False)


def accuracy(model, images, labels):
    with torch.no_grad():
        return (model(images).argmax(1) == labels).double().mean().item()


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(1998)
    torch.use_deterministic_algorithms(True)
    images, labels = (torch.from_numpy(a) for a in training.digits_read(sys.argv[1]))
    kept, kept_labels = (torch.from_numpy(a) for a in training.digits_kept())
    images, kept = images[:, None], kept[:, None]

    model = LeNet5()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = EPOCHS * ((len(images) + BATCH - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(1, EPOCHS + 1):
        for rows in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(model(bend(images[rows])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch}: last loss {loss.item():.4f}, "
                  f"{accuracy(model, kept, kept_labels):.1%} of the kept digits", flush=True)
    training.safetensors_write(HERE / "lenet5.safetensors",
                               {name: tensor.numpy() for name, tensor in model.state_dict().items()})


if __name__ == "__main__":
    main()
