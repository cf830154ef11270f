"""Augmentation against torchvision v2 (per image, on tensors and on PIL images) and kornia (per batch).

Run: python results/benchmarks/augmentation.py [--rounds 7] [--out FILE] [--device cpu|cuda]. One idle core; needs
torchvision, and kornia for its column: pip install -e '.[test,benchmarks]'. In each round every candidate augments
the same batches in turn; a cell is the median over rounds of microseconds an image, ratios are medians of the
rounds' own ratios. Batches are on the device (or are PIL images) already; ours includes targets and weights.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from policysearch import Policy, augment
from policysearch.augmentation.kernels.lookup import TABLES, look_up
from policysearch.augmentation.kernels.projective import warp
from policysearch.child.device_data import on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.presets import BASELINES

Call = Callable[[], object]
SETTINGS = ((32, 128), (32, 512), (224, 64))
POLICIES = ("trivialaugment-wide", "randaugment:2,9")
PEERS = ("torchvision, tensors", "torchvision, PIL", "kornia")
MEMORY = ((32, 8192), (224, 64))


def candidates(name: str, side: int, batch: int, device: str) -> dict[str, Call]:
    import torchvision.transforms.v2 as T
    import torchvision.transforms.v2.functional as TF

    images = photos(side, batch).to(device)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    generator = torch.Generator(device).manual_seed(0)
    policy = Policy.preset(name)
    theirs = T.TrivialAugmentWide() if name.startswith("trivial") else T.RandAugment(2, 9)
    pil = [TF.to_pil_image(image.cpu()) for image in images]
    out: dict[str, Call] = {
        "policysearch": lambda: augment(policy, images, labels, num_classes=10, generator=generator),
        PEERS[0]: lambda: [theirs(image) for image in images],
        PEERS[1]: lambda: [theirs(image) for image in pil],
    }
    try:
        import kornia.augmentation.auto as auto
    except ImportError:
        return out
    batched = auto.TrivialAugment() if name.startswith("trivial") else auto.RandAugment(2, 9)
    floats = images.float() / 255
    return out | {PEERS[2]: lambda: batched(floats)}


def photos(side: int, batch: int) -> torch.Tensor:
    """Smooth random pictures with noise, [batch, 3, side, side] uint8."""
    g = torch.Generator().manual_seed(1)
    coarse = torch.rand(batch, 3, 6, 6, generator=g) * 255
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    return (smooth + 12 * torch.randn(smooth.shape, generator=g)).clamp(0, 255).to(torch.uint8)


def seconds(call: Call, least: float, device: str) -> float:
    """Of one call, over as many as take `least` seconds."""
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < least or not calls:
        call()
        calls += 1
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / calls


def speed(rounds: int, device: str) -> list[str]:
    lines = [
        "| images | policy | policysearch, µs an image | " + " | ".join(f"{peer}: µs, ratio" for peer in PEERS) + " |",
        "| - | - | - | - | - | - |",
    ]
    for side, batch in SETTINGS:
        for name in POLICIES:
            calls = candidates(name, side, batch, device)
            for call in calls.values():
                call()
            each = [{peer: seconds(call, 0.4, device) for peer, call in calls.items()} for _ in range(rounds)]
            lines.append(f"| {batch} of {side}×{side}×3 | {name} | " + " | ".join(cells(each, batch)) + " |")
            print(lines[-1], flush=True)
    return lines


def cells(each: list[dict[str, float]], batch: int) -> list[str]:
    own = [one["policysearch"] for one in each]
    low, middle, high = (f(own) / batch * 1e6 for f in (min, statistics.median, max))
    out = [f"{middle:.1f} ({low:.1f} to {high:.1f})"]
    for peer in PEERS:
        times = [one[peer] for one in each if peer in one]
        ratios = [time / mine for time, mine in zip(times, own, strict=False)]
        text = "not installed"
        if ratios:
            text = f"{statistics.median(times) / batch * 1e6:.1f}, **{statistics.median(ratios):.1f}**"
        out.append(text)
    return out


def extra_memory(name: str, side: int, batch: int) -> float:
    """Peak memory of a call beyond what was there before, over the batch in float32; in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import augmentation as a; "
    code += f"print(a.measured_memory({name!r}, {side}, {batch}))"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


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


def composing() -> list[str]:
    """What it would save to compose two tables, or two matrices, where two of one kind meet in an image."""
    images, zeros = photos(32, 128), torch.empty(128, 0)
    m = torch.full((128,), 0.3)
    first, second = (
        TABLES[n](images, v, zeros).expand(128, 3, 256) for n, v in (("brightness", m), ("solarize", m * 300))
    )
    turned = torch.eye(3).repeat(128, 1, 1)
    turned[:, 0, 1] = 0.1
    pairs = {
        "tables (18 % of RandAugment's images)": (
            lambda: look_up(look_up(images, first), second),
            lambda: look_up(images, second.gather(2, first.long())),
        ),
        "matrices (5 % of RandAugment's images)": (
            lambda: warp(warp(images, turned, 0), turned, 0),
            lambda: warp(images, turned @ turned, 0),
        ),
    }
    lines = ["| two | one after the other, µs an image | composed |", "| - | - | - |"]
    for name, calls in pairs.items():
        times = [statistics.median(seconds(call, 0.1, "cpu") for _ in range(7)) / 128e-6 for call in calls]
        lines.append(f"| {name} | {times[0]:.2f} | {times[1]:.2f} |")
    verdict = (
        "Where two of a kind meet composing saves about half, but they meet seldom: some 0.3 µs of the time of an "
        "image under RandAugment. Three of the six tables need the pixels in between, and composed turns would no "
        "longer be torchvision's. So tables and matrices are applied one after the other; moves, which compose "
        "exactly, are composed."
    )
    return [*lines, "", verdict]


def in_a_child() -> list[str]:
    """The share of a default child's time that goes to augmentation, by fixed policy."""
    dataset = load("fashion-small")
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    lines = ["| policy | augmentation, share of a child's time |", "| - | - |"]
    for name in BASELINES:
        shares = []
        for seed in range(3):
            m = train(
                Policy.preset(name),
                data,
                lambda: build("small-resnet", (1, 28, 28), 10),
                images=500,
                epochs=40,
                seed=seed,
                recipe=Recipe(),
            )
            shares.append(float(m["augmentation_seconds"]) / float(m["seconds"]))
        lines.append(f"| {name} | {statistics.median(shares):.1%} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("augmentation.md"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{platform.machine()}, one core, no GPU"
    lines = [
        "# Augmentation",
        "",
        f"`python results/benchmarks/augmentation.py --rounds {options.rounds} --device {options.device}` · {where} · "
        f"{versions()} · {options.rounds} rounds of 0.4 s a cell; (least to most over rounds)",
        "",
        *speed(options.rounds, options.device),
    ]
    if options.device == "cuda":
        lines += ["", *large_batches()]
    else:
        lines += [
            "",
            "## Peak extra memory, in batches of float32",
            "",
            "| images | policy | ratio (limit 12) |",
            "| - | - | - |",
        ]
        lines += [
            f"| {batch} of {side}×{side}×3 | {name} | {extra_memory(name, side, batch):.1f} |"
            for side, batch in MEMORY
            for name in POLICIES
        ]
        lines += ["", "## In a default child (500 images, limit 15 %)", "", *in_a_child()]
        lines += ["", "## Would composing pay?", "", *composing(), "", "## GPU", ""]
        lines += [
            "Not measured: no GPU was to be had. `--device cuda` measures it, with batches of 2,048 (budget 0.65 µs)."
        ]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def large_batches() -> list[str]:
    """Microseconds an image at batch 2,048, for the budget of 0.65 on a GPU."""
    lines = ["| batch 2,048 of 32×32×3 | µs an image (budget 0.65) |", "| - | - |"]
    for name in POLICIES:
        call = candidates(name, 32, 2048, "cuda")["policysearch"]
        call()
        times = [seconds(call, 0.4, "cuda") / 2048 * 1e6 for _ in range(7)]
        lines.append(f"| {name} | {statistics.median(times):.2f} |")
    return lines


def versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    out = [f"Python {platform.python_version()}"]
    for package in ("torch", "torchvision", "pillow", "kornia"):
        try:
            out.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            out.append(f"no {package}")
    return ", ".join(out)


if __name__ == "__main__":
    main()
