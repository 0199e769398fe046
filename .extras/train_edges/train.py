"""Train the edge net and write its weights.

    python .extras/train_edges/train.py OUT.npz DATA.npz ... --validate VAL.npz --minutes 18

torch is needed here only; the program runs the weights with numpy.
"""

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that torch's own pages use

HOP_S = 0.008
CHANNELS = 40
DILATIONS = (1, 2, 4, 8, 16, 24)
TAPS = 5
SIDE = sum(DILATIONS) * (TAPS - 1) // 2
REACH = 64
CROP = 1024
VERSION = 1


class EdgeNet(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.first = nn.Conv1d(inputs, CHANNELS, 1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, TAPS, dilation=d) for d in DILATIONS
        )
        self.mix = nn.Conv1d(CHANNELS, CHANNELS, 1)
        self.heads = nn.Conv1d(CHANNELS, 3, 1)

    def forward(self, x):
        """(batch, inputs, frames + 2 SIDE) to (batch, 3, frames)."""
        x = F.relu(self.first(x))
        for block in self.blocks:
            side = (TAPS - 1) // 2 * block.dilation[0]
            x = x[:, :, side:-side] + F.relu(block(x))
        return self.heads(F.relu(self.mix(x)))


class Data:
    """Mixtures with their edges; crops are drawn from them."""

    def __init__(self, paths):
        self.inputs, self.edges = [], []
        self.noise, self.snr_db, self.voice = [], [], []
        for path in paths:
            with np.load(path) as stored:
                inputs, counts = stored["inputs"], stored["counts"]
                edges = np.split(stored["edges"], np.cumsum(counts)[:-1])
                kept = [k for k in range(len(inputs)) if counts[k]]
                self.inputs += [inputs[k] for k in kept]
                self.edges += [edges[k] / HOP_S for k in kept]
                self.noise += [str(stored["noise"][k]) for k in kept]
                self.voice += [str(stored["voice"][k]) for k in kept]
                self.snr_db += [float(stored["snr_db"][k]) for k in kept]

    def crop(self, rng, k, at, size):
        """Return inputs (INPUTS, size + 2 SIDE), labels (size,), and its edge windows."""
        inputs, edges = self.inputs[k], self.edges[k]
        whole = np.zeros((size + 2 * SIDE, inputs.shape[1]), np.float32)
        first, last = max(at - SIDE, 0), min(at + size + SIDE, len(inputs))
        whole[first - at + SIDE : last - at + SIDE] = inputs[first:last]
        centre = np.arange(at, at + size) + 0.5
        near = np.zeros(size, np.float32)
        for start, end in edges:
            near[(centre > start) & (centre < end)] = 1.0
        windows = []
        for i, (start, end) in enumerate(edges):
            before = edges[i - 1][1] if i else -1e9
            after = edges[i + 1][0] if i + 1 < len(edges) else 1e9
            for kind, true, low, high in ((0, start, before, end), (1, end, start, after)):
                if not at + 1 <= true < at + size - 2:
                    continue
                if true > len(inputs) - 2:
                    continue
                shift = rng.normal(0, 12) if rng.random() < 0.7 else rng.uniform(-50, 50)
                middle = round(true + shift)
                lowest = max(middle - REACH, round(low), at)
                highest = min(middle + REACH, round(high), at + size - 1)
                if lowest <= true <= highest - 1:
                    windows.append((kind, lowest - at, highest - at, true - at))
        return whole.T, near, windows


def gathered(logits, batch_windows):
    """Log-softmax over each window: (losses)."""
    kind = torch.tensor([w[1] for w in batch_windows])
    row = torch.tensor([w[0] for w in batch_windows])
    low = torch.tensor([w[2] for w in batch_windows])
    high = torch.tensor([w[3] for w in batch_windows])
    true = torch.tensor([w[4] for w in batch_windows], dtype=torch.float32)
    at = low[:, None] + torch.arange(2 * REACH + 1)[None, :]
    inside = at <= high[:, None]
    at = torch.minimum(at, high[:, None])
    picked = logits[row[:, None], kind[:, None] + 1, at]
    picked = picked.masked_fill(~inside, -1e9)
    logp = F.log_softmax(picked, dim=1)
    left = true.floor().long()
    part = true - left
    index = (left - low)[:, None]
    return -((1 - part) * logp.gather(1, index)[:, 0] + part * logp.gather(1, index + 1)[:, 0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("data", nargs="+")
    parser.add_argument("--validate")
    parser.add_argument("--minutes", type=float, default=18)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--start", help="weights of an earlier round to go on from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    data = Data(options.data)
    held_out = Data([options.validate]) if options.validate else None
    net = EdgeNet(data.inputs[0].shape[1])
    if options.start:
        load(net, options.start)
    print(sum(p.numel() for p in net.parameters()), "parameters", len(data.inputs), "mixtures")
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.rate, weight_decay=0.01)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998)
    )
    began, step, shown = time.monotonic(), 0, []
    while True:
        done = (time.monotonic() - began) / (options.minutes * 60)
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = (
                options.rate * min(1, (step + 1) / 200) * (0.5 + 0.5 * np.cos(np.pi * done)) + 1e-5
            )
        crops = []
        for _ in range(options.batch):
            k = int(rng.integers(len(data.inputs)))
            at = int(rng.integers(-40, max(len(data.inputs[k]) - CROP + 40, 1)))
            crops.append(data.crop(rng, k, at, CROP))
        x = torch.from_numpy(np.stack([c[0] for c in crops]))
        near = torch.from_numpy(np.stack([c[1] for c in crops]))
        windows = [(row, *w) for row, c in enumerate(crops) for w in c[2]]
        logits = net(x)
        frame = F.binary_cross_entropy_with_logits(logits[:, 0], near)
        edge = gathered(logits, windows).mean() if windows else frame * 0
        loss = 4 * frame + edge
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(net)
        shown.append((float(frame.detach()), float(edge.detach())))
        step += 1
        if step % 200 == 0:
            mean = np.mean(shown[-200:], axis=0)
            text = f"{step} {time.monotonic() - began:.0f} s frame {mean[0]:.4f} edge {mean[1]:.3f}"
            if held_out and step % 1000 == 0:
                text += " | held out frame {:.4f} edge {:.3f}".format(*check(average, held_out))
                save(average.module, options.out)
            print(text, flush=True)
    if held_out:
        print("held out frame {:.4f} edge {:.3f}".format(*check(average, held_out)))
    save(average.module, options.out)


def check(net, data):
    rng = np.random.default_rng(0)
    frames, edges = [], []
    with torch.no_grad():
        for k in range(len(data.inputs)):
            x, near, windows = data.crop(rng, k, 0, len(data.inputs[k]))
            logits = net(torch.from_numpy(np.ascontiguousarray(x))[None])
            frames.append(
                float(F.binary_cross_entropy_with_logits(logits[0, 0], torch.from_numpy(near)))
            )
            edges.append(gathered(logits, [(0, *w) for w in windows]).numpy())
    return np.mean(frames), np.concatenate(edges).mean()


def load(net, path):
    """Take up weights that ``save`` wrote."""
    with np.load(path) as stored:
        for name, layer in layers(net):
            weight = stored[f"{name}_weight"].astype(np.float32).transpose(2, 1, 0)
            layer.weight.data = torch.from_numpy(np.ascontiguousarray(weight))
            layer.bias.data = torch.from_numpy(stored[f"{name}_bias"].astype(np.float32))


def layers(net):
    blocks = [(f"block{i}", block) for i, block in enumerate(net.blocks)]
    return [("first", net.first), *blocks, ("mix", net.mix), ("heads", net.heads)]


def save(net, path):
    """Write the weights as (taps, from, to) float16."""
    arrays = {"version": np.int64(VERSION), "dilations": np.array(DILATIONS, np.int64)}
    for name, layer in layers(net):
        weight = layer.weight.detach().numpy()
        arrays[f"{name}_weight"] = weight.transpose(2, 1, 0).astype(np.float16)
        arrays[f"{name}_bias"] = layer.bias.detach().numpy().astype(np.float16)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
