"""The default pull in whole: against a plain PyTorch script, and against an earlier build; a worker's start.

Run: python results/benchmarks/child.py [--against COMMIT] [--rounds 3] [--device cpu|cuda] [--out FILE]. One idle core,
some six minutes; with `--device cuda` one GPU, under eight, and no earlier build. On the CPU all figures are processor
seconds, so that other programs on the machine count for little; on CUDA seconds on the clock, the device waited for.
The ways that are compared take turns, and ratios are of the fastest rounds of each.

The plain script is what a person would write: `DataLoader`, torchvision's transforms for one image at a time,
`torch.optim.SGD` with `OneCycleLR`, float32, and the same network, images, epochs, batches and evaluations. Ours is in
its default precision, which on CUDA is bfloat16 where the device has it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from targets import Target, section
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from policysearch.child.device_data import DeviceData, on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.datasets.load import load
from policysearch.datasets.split import split, stratified
from policysearch.policy.policy import Policy

HERE = Path(__file__).resolve().parents[2]
IMAGES, EPOCHS, CHECKPOINTS = 500, 80, 4
POLICY = "trivialaugment-wide"
RECIPE = Recipe()

PULL = """
import json, re, sys, time
from pathlib import Path
from policysearch.child.recipe import Recipe
from policysearch.core.trial import Trial
from policysearch.policy.policy import Policy
from workers.evaluate import ChildSetup

model, policy, images, epochs = sys.argv[1], Policy.preset(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
evaluate = ChildSetup("fashion-small", None, 0, model, Recipe(), "cpu")()
trial = lambda images, epochs: Trial(0, policy.hash, policy.to_json(indent=None), 0, 5, images, epochs)
evaluate(trial(20, 1))

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

start, memory = time.process_time(), peak()
evaluate(trial(images, 1))
begun = time.process_time()
accuracy = evaluate(trial(images, epochs))["accuracy"]
seconds = time.process_time() - begun
print(json.dumps({"start": start, "memory": memory, "pull": seconds, "after": peak(), "accuracy": accuracy}))
"""
"""A worker's start (imports, data, one step) and its second pull, measured from inside a process of its own."""


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images one at a time through torchvision's transforms, as tensors or as PIL images."""

    def __init__(self, images: Tensor, labels: Tensor, pillow: bool, mean: list[float], std: list[float]) -> None:
        self._images = [Image.fromarray(image[0].numpy()) for image in images] if pillow else [*images]
        self._labels = labels.tolist()
        steps = [v2.TrivialAugmentWide(), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
        self._transform = v2.Compose(steps)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(self._images[index]), self._labels[index]


def ours(data: DeviceData, model: str, epochs: int) -> float:
    """Accuracy of one pull of this program."""
    factory = partial(build, model, tuple(data.images.shape[1:]), data.classes)
    metrics = train(Policy.preset(POLICY), data, factory, images=IMAGES, epochs=epochs, seed=5, recipe=RECIPE)
    return float(str(metrics["accuracy"]))


def plain(data: DeviceData, model: str, epochs: int, pillow: bool = False) -> float:
    """Accuracy of the same training as a plain script does it."""
    device = data.images.device
    torch.manual_seed(5)
    labels = data.labels[data.train].cpu().numpy()
    chosen = torch.from_numpy(stratified(labels, IMAGES, np.random.default_rng(5)))
    rows = data.train[chosen.to(device)]
    mean, std = (data.mean.flatten() / 255).tolist(), (data.std.flatten() / 255).tolist()
    pictures = Pictures(data.images[rows].cpu(), data.labels[rows].cpu(), pillow, mean, std)
    loader = DataLoader(pictures, batch_size=RECIPE.batch, shuffle=True, pin_memory=device.type == "cuda")

    network = build(model, tuple(data.images.shape[1:]), data.classes).to(device)
    optimiser = torch.optim.SGD(network.parameters(), RECIPE.rate, 0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RECIPE.rate, epochs * len(loader), pct_start=0.25)
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        network.train()
        for images, targets in loader:
            loss = nn.functional.cross_entropy(network(images.to(device)), targets.to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if epoch % (epochs // CHECKPOINTS) == 0:
            accuracy = judged(network, data)
    return accuracy


@torch.no_grad()
def judged(network: nn.Module, data: DeviceData) -> float:
    """Accuracy on the validation part."""
    network.eval()
    parts = data.validation.split(500)
    answers = [network((data.images[part].float() - data.mean) / data.std).argmax(1) for part in parts]
    return float((torch.cat(answers) == data.labels[data.validation]).float().mean())


def seconds(work: Callable[[], float], device: str) -> tuple[float, float]:
    """Processor seconds (CUDA: seconds on the clock) of a training, and its accuracy."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    started = clock()
    accuracy = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - started, accuracy


def against_plain(device: str, rounds: int, epochs: int) -> list[Target]:
    """How many times faster a pull is than the plain scripts."""
    dataset = load("fashion-small")
    data = on_device(dataset, split(dataset, None, 0), torch.device(device))
    ways = {
        "ours": partial(ours, data, "small-resnet", epochs),
        "quick": partial(ours, data, "quick-resnet", epochs),
        "tensors": partial(plain, data, "small-resnet", epochs),
        "Pillow": partial(plain, data, "small-resnet", epochs, pillow=True),
    }
    best = dict.fromkeys(ways, float("inf"))
    ours(data, "small-resnet", 1)
    for number in range(rounds):
        for name, work in ways.items():
            spent, accuracy = seconds(work, device)
            best[name] = min(best[name], spent)
            print(f"round {number + 1}: {name} {spent:.2f} s, accuracy {accuracy:.3f}", flush=True)
    return [
        Target.at_least("a plain script with tensors, by the default pull", best["tensors"] / best["ours"], 2),
        Target.at_least("a plain script with Pillow, by the default pull", best["Pillow"] / best["ours"], 2),
        Target.at_least("the default pull, by one of quick-resnet", best["ours"] / best["quick"], 1.6),
    ]


def pull(tree: Path, model: str, epochs: int) -> dict[str, float]:
    """What `PULL` measures, with a tree first on Python's path."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PULL, model, POLICY, str(IMAGES), str(epochs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def against_commit(commit: str, rounds: int, epochs: int) -> list[Target]:
    """How a pull and a worker's start compare with an earlier build's, in processes that take turns."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", before, commit], cwd=HERE, check=True)
        ways = {
            "before": partial(pull, before, "small-resnet", epochs),
            "now": partial(pull, HERE, "small-resnet", epochs),
            "quick": partial(pull, HERE, "quick-resnet", epochs),
        }
        try:
            results = {name: [] for name in ways}
            for _ in range(rounds):
                for name, work in ways.items():
                    results[name].append(work())
                    print(name, results[name][-1], flush=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", before], cwd=HERE, check=True)

    least = {
        name: {key: min(result[key] for result in rows) for key in ("start", "memory", "pull", "after")}
        for name, rows in results.items()
    }
    then, now, quick = least["before"], least["now"], least["quick"]
    same = all(a["accuracy"] == b["accuracy"] for a, b in zip(results["before"], results["now"], strict=True))
    equal = "equal" if same else "not equal"
    return [
        Target.at_least(f"a default pull at `{commit}`, by one now ({equal})", then["pull"] / now["pull"], 1.6),
        Target.at_least(f"a default pull at `{commit}`, by one of quick-resnet now", then["pull"] / quick["pull"], 1.6),
        Target.at_most(f"start and first step of a worker, by `{commit}`'s", now["start"] / then["start"], 0.55),
        Target.at_most(f"a worker's memory after its first step, by `{commit}`'s", now["memory"] / then["memory"], 0.8),
    ]


def page(results: list[Target], options: argparse.Namespace) -> list[str]:
    on_gpu = options.device == "cuda"
    where = torch.cuda.get_device_name() if on_gpu else f"{platform.machine()}, one core, no GPU"
    command = f"child.py --against {options.against!r} --rounds {options.rounds} --epochs {options.epochs}"
    return [
        "# The default pull, and a worker's start",
        "",
        f"`python results/benchmarks/{command} --device {options.device}` · {where} · Python "
        f"{platform.python_version()}, torch {torch.__version__} · {IMAGES} × {options.epochs}, {POLICY}",
        "",
        f"Ratios of {'seconds' if on_gpu else 'processor seconds'}, of the fastest of {options.rounds} rounds each.",
        "",
        *section(results),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="5bd5350", help="an earlier build; empty: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="a multiple of 4; of the default pull: 80")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()

    torch.set_num_threads(1)
    results = against_plain(options.device, options.rounds, options.epochs)
    if options.against and options.device == "cpu":
        results += against_commit(options.against, options.rounds, options.epochs)
    lines = page(results, options)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
