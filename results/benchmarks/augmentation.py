"""Augmentation against an earlier build, torchvision v2 (on tensors and with Pillow), kornia, timm and albumentations.

Run: python results/benchmarks/augmentation.py [--rounds 7] [--against COMMIT] [--out FILE] [--device cpu|cuda]; needs
pip install -e '.[test,benchmarks]', and libraries that are missing are left out. The commit is checked out in a
temporary folder. In each round every candidate augments the same batches in turn, ours in a process per build; a cell
is the median over rounds of microseconds of one core per image (on the CPU, of processor time), ratios are medians of
the rounds' own ratios. Batches are on the device (or are PIL images) already; ours includes targets and weights.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from augmentation_peers import PEERS, PILLOW, own_call, peers, photos, seconds
from targets import Target, section

from policysearch import Policy, augment
from policysearch.child.device_data import on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.presets import BASELINES

HERE = Path(__file__).resolve().parents[2]
TRIVIAL, RANDOM, CROP = POLICIES = ("trivialaugment-wide", "randaugment:2,9", "flip-crop")
SETTINGS = (
    *((side, batch, name) for side, batch in ((32, 128), (32, 512), (224, 64)) for name in POLICIES),
    *((side, batch, name) for side, batch in ((32, 128), (224, 64)) for name in ("mixup", "cutmix")),
)
MEMORY = ((32, 8192), (224, 64))
COMPILED, BY_TORCH, BEFORE = "compiled", "by torch", "before"
TARGETS = (
    (224, 64, TRIVIAL, PILLOW, 1.3, 2.0),
    (224, 64, TRIVIAL, BEFORE, 2.0, None),
    (224, 64, RANDOM, PILLOW, 1.1, 1.5),
    (224, 64, CROP, BEFORE, 5.0, None),
    (32, 128, TRIVIAL, BEFORE, 1.3, None),
    (32, 128, RANDOM, BEFORE, 1.3, None),
    (32, 512, TRIVIAL, BEFORE, 1.0, None),
    (32, 512, RANDOM, BEFORE, 1.0, None),
)
"""Side, batch, policy, whose time ours is compared with, the least ratio, and the ratio aimed at."""
MOST_MEMORY, MOST_OF_A_CHILD, MOST_ON_A_GPU = 12.0, 15.0, 0.65
"""Limits: a call's peak in batches of float32, percent of a child's time, µs per image of a batch of 2,048 on a GPU."""
NOTES = """Rows say policysearch with compiled kernels (`POLICYSEARCH_KERNELS=numba`), without them (`torch`) and at the
earlier commit; ratios are the other's time by that of compiled kernels. Not the same work everywhere: kornia draws one
operation for a whole batch, and its TrivialAugment has no translations; torchvision's mixup and CutMix draw one share
and one box for a batch, on float images, where policysearch draws them per image on uint8; timm's RandAugment has its
own list of operations; albumentations has neither policy, so it runs policysearch's export."""

Times = dict[str, list[float]]


class Build:
    """A process that times policysearch of one tree."""

    def __init__(self, tree: Path, kernels: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(tree), "POLICYSEARCH_KERNELS": kernels}
        command = [sys.executable, str(Path(__file__).with_name("augmentation_peers.py"))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def seconds(self, side: int, batch: int, policy: str) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"side": side, "batch": batch, "policy": policy}) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


@contextmanager
def builds(commit: str) -> Iterator[dict[str, Build]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", before, commit], cwd=HERE, check=True)
        stack.callback(subprocess.run, ["git", "worktree", "remove", "--force", before], cwd=HERE, check=True)
        processes = {
            COMPILED: Build(HERE, "numba"),
            BY_TORCH: Build(HERE, "torch"),
            BEFORE: Build(before, "auto"),
        }
        for process in processes.values():
            stack.callback(process.end)
        yield processes


def speed(rounds: int, commit: str) -> tuple[list[str], dict[tuple[int, int, str], Times]]:
    """The table of times, and the times by setting."""
    columns = (BY_TORCH, BEFORE, *PEERS)
    titles = ["images", "policy", "compiled: µs", *(f"{column}: µs, ratio" for column in columns)]
    lines = ["| " + " | ".join(titles) + " |", "| " + " | ".join("-" * len(titles)) + " |"]
    results = {}
    with builds(commit) as processes:
        for side, batch, name in SETTINGS:
            calls = peers(name, side, batch, "cpu")
            for call in calls.values():
                call()
            times: Times = {column: [] for column in (*processes, *calls)}
            for _ in range(rounds):
                for column, process in processes.items():
                    times[column].append(process.seconds(side, batch, name))
                for column, call in calls.items():
                    times[column].append(seconds(call, 0.4, "cpu"))
            results[side, batch, name] = times
            cells = [cell(times, column, batch) for column in columns]
            lines.append(
                f"| {batch} of {side}×{side}×3 | {name} | {spread(times[COMPILED], batch)} | {' | '.join(cells)} |"
            )
            print(lines[-1], flush=True)
    return lines, results


def spread(times: list[float], batch: int) -> str:
    low, middle, high = (f(times) / batch * 1e6 for f in (min, statistics.median, max))
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def ratio(times: Times, column: str) -> float:
    return statistics.median(other / own for other, own in zip(times[column], times[COMPILED], strict=True))


def cell(times: Times, column: str, batch: int) -> str:
    if column not in times:
        return "–"
    return f"{statistics.median(times[column]) / batch * 1e6:.1f}, **{ratio(times, column):.1f}**"


def against_times(ratios: Iterable[float], commit: str) -> Iterator[Target]:
    """From the ratio of each row of `TARGETS`."""
    for (side, batch, name, column, least, aim), value in zip(TARGETS, ratios, strict=True):
        other = f"`{commit}`" if column == BEFORE else column
        what = f"{name}, {batch} of {side}×{side}×3: speed by that of {other}"
        target = Target.at_least(what, value, least)
        yield replace(target, wanted=f"{target.wanted} (aim {aim:g})") if aim else target


def against_limits(memory: float, share: float) -> list[Target]:
    """From the most of all calls, in batches of float32, and the largest share of a child's time."""
    return [
        Target.at_most("peak extra memory of a call, the most", memory, MOST_MEMORY, "batches of float32"),
        Target.at_most("augmentation's share of a default child's time, the most", 100 * share, MOST_OF_A_CHILD, "%"),
    ]


def extra_memory(name: str, side: int, batch: int, kernels: str) -> float:
    """Peak memory of a call beyond what was there before, over the batch in float32; in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import augmentation as a; "
    code += f"print(a.measured_memory({name!r}, {side}, {batch}))"
    environment = {**os.environ, "POLICYSEARCH_KERNELS": kernels}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout)


def measured_memory(name: str, side: int, batch: int) -> float:
    torch.set_num_threads(1)
    generator, labels = torch.Generator().manual_seed(0), torch.zeros(batch, dtype=torch.long)
    policy, images = Policy.preset(name), photos(side, 64).repeat(batch // 64, 1, 1, 1)
    augment(policy, images[:16], labels[:16], num_classes=10, generator=generator)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = peak_bytes()
    augment(policy, images, labels, num_classes=10, generator=generator)
    return (peak_bytes() - before) / (images.numel() * 4)


def peak_bytes() -> int:
    """The process's peak resident memory (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def memory() -> Iterator[tuple[int, int, str, list[float]]]:
    """Side, batch, policy, and the peaks with compiled kernels and without."""
    for side, batch in MEMORY:
        for name in (TRIVIAL, RANDOM):
            yield side, batch, name, [extra_memory(name, side, batch, kernels) for kernels in ("numba", "torch")]


def in_a_child() -> dict[str, float]:
    """The share of a default child's time that goes to augmentation, by fixed policy."""
    dataset = load("fashion-small")
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    share_of_policy = {}
    for name in BASELINES:
        shares = []
        for seed in range(3):
            policy, network = Policy.preset(name), lambda: build("small-resnet", (1, 28, 28), 10)
            m = train(policy, data, network, images=500, epochs=40, seed=seed, recipe=Recipe())
            shares.append(float(m["augmentation_seconds"]) / float(m["seconds"]))
        share_of_policy[name] = statistics.median(shares)
    return share_of_policy


def on_a_gpu() -> Iterator[tuple[int, int, str, list[float]]]:
    """Side, batch, policy, and seconds of a call: batches of 2,048, for their limit, and the settings above."""
    for side, batch, name in (*((32, 2048, name) for name in POLICIES), *SETTINGS):
        call = own_call(name, side, batch, "cuda")
        call()
        yield side, batch, name, [seconds(call, 0.4, "cuda") for _ in range(7)]


def gpu_page(results: list[tuple[int, int, str, list[float]]]) -> list[str]:
    """Times, and the targets, from what `on_a_gpu` measures."""
    rows, targets = [], []
    for side, batch, name, times in results:
        rows.append(f"| {batch} of {side}×{side}×3 | {name} | {spread(times, batch)} |")
        if batch == 2048:
            what = f"{name}, {batch:,} of {side}×{side}×3, per image"
            targets.append(Target.at_most(what, statistics.median(times) / batch * 1e6, MOST_ON_A_GPU, "µs"))
    return ["| images | policy | µs per image |", "| - | - | - |", *rows, "", *section(targets)]


def versions() -> str:
    out = [f"Python {platform.python_version()}"]
    for package in ("torch", "torchvision", "numba", "pillow", "kornia", "timm", "albumentations"):
        try:
            out.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            out.append(f"no {package}")
    return ", ".join(out)


def head(rounds: int, device: str) -> list[str]:
    where = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}, one core, no GPU"
    command = f"`python results/benchmarks/augmentation.py --rounds {rounds} --device {device}`"
    return ["# Augmentation", "", f"{command} · {where} · {versions()} · (least to most over rounds)", ""]


def cpu_page(
    times: list[str],
    ratios: list[float],
    memories: list[tuple[int, int, str, list[float]]],
    share_of_policy: dict[str, float],
    commit: str,
) -> list[str]:
    """From the table of times, the ratio of each row of `TARGETS`, and what `memory` and `in_a_child` measure."""
    most = max(max(values) for *_, values in memories)
    return [
        *("## Times", "", NOTES, "", f"Before is `{commit}`.", "", *times, ""),
        *("## Peak extra memory, in batches of float32", ""),
        *("| images | policy | compiled | by torch |", "| - | - | - | - |"),
        *(f"| {batch} of {side}×{side}×3 | {name} | {a:.1f} | {b:.1f} |" for side, batch, name, (a, b) in memories),
        *("", "## In a default child (500 images)", ""),
        *("| policy | augmentation, share of a child's time |", "| - | - |"),
        *(f"| {name} | {share:.1%} |" for name, share in share_of_policy.items()),
        *("", "## GPU", "", "`--device cuda` measures it, with batches of 2,048 and the above.", ""),
        *section([*against_times(ratios, commit), *against_limits(most, max(share_of_policy.values()))]),
    ]


def measured(rounds: int, commit: str) -> list[str]:
    """The page of a CPU below its head."""
    times, results = speed(rounds, commit)
    ratios = [ratio(results[side, batch, name], column) for side, batch, name, column, *_ in TARGETS]
    return cpu_page(times, ratios, list(memory()), in_a_child(), commit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("augmentation.md"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--against", default="5bd5350", metavar="COMMIT")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    on_cuda = options.device == "cuda"
    body = gpu_page(list(on_a_gpu())) if on_cuda else measured(options.rounds, options.against)
    lines = [*head(options.rounds, options.device), *body]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
