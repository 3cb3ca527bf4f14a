#!/usr/bin/env python3
"""Trains the reader of dates; writes dates.safetensors, with the names of the layers in dates.tn, and test.txt.

    train.py

The data is made here: dates of 1950 to 2049 in thirty ways to write them, of which test.txt keeps some that the network
never learns from. Needs PyTorch; some minutes on one core; the same seed and PyTorch give the same weights.
"""
import datetime
import pathlib
import random
import re
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import training  # noqa: E402

STEPS, BATCH, RATE, KEPT = 2500, 128, 4e-3, 400
EMBEDDING, ENCODER, DECODER = 24, 48, 96
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
TARGET = "\0^-0123456789"    # an index is a token: 0 ends a date, 1 begins it
SHAPES = ["M d, y", "M d, y", "M dth, y", "M dth y", "d M y", "d M y", "d M, y", "dth M y", "dth of M, y", "the dth of M, y",
          "W, d M y", "W, M d, y", "W, M dth, y", "W d M y", "W the dth of M y", "d. M y", "d-M-y", "y, M d", "y M d",
          "n/d/y", "n/d/y", "0n/0d/y", "n/d/s", "0n/0d/s", "d.n.y", "0d.0n.y", "d.n.s", "y-0n-0d", "y/0n/0d", "y0n0d"]


def ordinal(day):
    return f"{day}{'th' if 11 <= day <= 13 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def written(date, choose):
    """One of the ways to write |date|. A slash follows the month, as in America; a dot follows the day."""
    short = choose.random() < 0.3
    month, weekday = MONTHS[date.month - 1], DAYS[date.weekday()]
    parts = {"M": month[:3] if short else month, "W": weekday[:3] if short else weekday, "y": str(date.year),
             "s": f"{date.year % 100:02}", "dth": ordinal(date.day), "0d": f"{date.day:02}", "0n": f"{date.month:02}",
             "d": str(date.day), "n": str(date.month)}
    text = re.sub("dth|0[dn]|[MWysdn]", lambda part: parts[part[0]], choose.choice(SHAPES))
    return choose.choice([text, text, text.lower(), text.lower(), text.upper()])


def example(choose):
    date = datetime.date(1950, 1, 1) + datetime.timedelta(choose.randrange(36525))
    return written(date, choose), date.isoformat()


def encode(texts):
    """Tokens of ASCII: 0 behind the end, 1 for a blank, and so on."""
    tokens = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
    for row, text in zip(tokens, texts):
        row[:len(text)] = torch.tensor([ord(c) - 31 for c in text])
    return tokens, torch.tensor([len(text) for text in texts])


class Dates(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(96, EMBEDDING)
        self.encoder = nn.GRU(EMBEDDING, ENCODER, batch_first=True, bidirectional=True)
        self.begin = nn.Linear(2 * ENCODER, DECODER)
        self.marks = nn.Embedding(len(TARGET), EMBEDDING)
        self.attention = nn.ModuleDict({"Wa": nn.Linear(DECODER, DECODER), "Ua": nn.Linear(2 * ENCODER, DECODER),
                                        "Va": nn.Linear(DECODER, 1)})
        self.decoder = nn.GRUCell(EMBEDDING + 2 * ENCODER, DECODER)
        self.out = nn.Linear(DECODER + 2 * ENCODER, len(TARGET))

    def encode(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.letters(x), lengths, batch_first=True, enforce_sorted=False)
        memory, last = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(memory, batch_first=True)
        h = torch.tanh(self.begin(torch.cat([last[0], last[1]], -1)))
        return memory, self.attention["Ua"](memory), h

    def step(self, token, h, memory, keys, allowed):
        scores = self.attention["Va"](torch.tanh(self.attention["Wa"](h)[:, None] + keys)).squeeze(2)
        weights = torch.softmax(scores.masked_fill(~allowed, -torch.inf), -1)
        context = (weights[:, None] @ memory).squeeze(1)
        h = self.decoder(torch.cat([self.marks(token), context], -1), h)
        return self.out(torch.cat([h, context], -1)), h

    def forward(self, x, lengths, target=None):
        """The logits of all steps: told the right tokens so far, or following its own."""
        memory, keys, h = self.encode(x, lengths)
        allowed = torch.arange(x.shape[1]) < lengths[:, None]
        token, logits = torch.ones(len(x), dtype=torch.long), []
        for t in range(11):
            score, h = self.step(token, h, memory, keys, allowed)
            logits.append(score)
            token = score.argmax(-1) if target is None else target[:, t]
        return torch.stack(logits, 1)


def right(model, pairs):
    texts, dates = zip(*pairs)
    with torch.no_grad():
        tokens = model(*encode(texts)).argmax(-1)
    return sum("".join(TARGET[t] for t in row[:10]) == date for row, date in zip(tokens.tolist(), dates))


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1994)
    choose = random.Random(1994)
    kept = {}
    while len(kept) < KEPT:
        kept.update([example(choose)])
    kept = list(kept.items())
    (HERE / "test.txt").write_text("".join(f"{text} = {date}\n" for text, date in kept))
    unseen = dict(kept)
    model = Dates()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.2)
    for step in range(1, STEPS + 1):
        pairs = [pair for pair in (example(choose) for _ in range(BATCH)) if pair[0] not in unseen]
        texts, dates = zip(*pairs)
        target = torch.tensor([[TARGET.index(c) for c in date + "\0"] for date in dates])
        loss = F.cross_entropy(model(*encode(texts), target).flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0:
            print(f"step {step}: loss {loss.item():.4f}, {right(model, kept)} of {KEPT} right", flush=True)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    training.safetensors_write(HERE / "dates.safetensors", tensors, half=True)
    model.load_state_dict({name: tensor.half().float() for name, tensor in model.state_dict().items()})
    print(f"with weights of 16 bits: {right(model, kept)} of {KEPT} right")


if __name__ == "__main__":
    main()
