"""A PyTorch training loop on the CPU: weights, optimizer and losses change with every run."""

from __future__ import annotations

from bench.workload import Workload, scaled

SETUP = """
import torch
from torch import nn
torch.manual_seed(4)
torch.set_num_threads(1)
features = torch.randn({rows}, 256)
labels = (features[:, 0] * features[:, 1] > 0).long()
""".strip()

MODEL = """
model = nn.Sequential(nn.Linear(256, {width}), nn.ReLU(), nn.Linear({width}, {width}), nn.ReLU(), nn.Linear({width}, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
losses = []
""".strip()

EPOCH = """
for start in range(0, len(features), 1000):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(features[start : start + 1000]), labels[start : start + 1000])
    loss.backward()
    optimizer.step()
losses.append(round(float(loss.detach()), 5))
""".strip()

OTHERS = {
    3: "accuracy = round(float((model(features).argmax(1) == labels).float().mean()), 5)",
    7: "for group in optimizer.param_groups:\n    group['lr'] = 3e-4",
    10: "best = {name: it.detach().clone() for name, it in model.state_dict().items()}",
}


def make(scale: float) -> Workload:
    """Ten epochs with cells in between: 20 MB of weights, 40 MB of optimizer state, 20 MB of data."""
    rows, width = scaled(20_000, scale, 1_000), scaled(2_000, scale**0.5, 64)
    cells = tuple(OTHERS.get(number, EPOCH) for number in range(13))
    setup = (SETUP.format(rows=rows), MODEL.format(width=width))
    checks = ("model", "optimizer", "losses", "features", "labels", "accuracy", "best")
    about = f"a PyTorch training loop: {rows:,} rows, {256 * width + width**2:,} weights"
    return Workload("torch_loop", about, setup, cells, checks, batch=1, needs_torch=True)
