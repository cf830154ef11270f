"""Exported policies beside torchvision's TrivialAugmentWide: microseconds an image, alone and in batches.

Run: python results/benchmarks/exports.py [--rounds 7] [--out FILE]. One idle core; pip install -e
'.[timm,kornia,albumentations]', libraries that are missing are left out. In each round every candidate augments the
same images in turn; a cell is the median over rounds, ratios are medians of the rounds' own ratios to torchvision's
TrivialAugmentWide on tensors. Every candidate is TrivialAugment on its wide ranges; kornia's has no translations.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
import torchvision.transforms.v2 as T
import torchvision.transforms.v2.functional as TF
from augmentation import photos, seconds

from policysearch import Policy, augment

Call = Callable[[], object]
SETTINGS = ((32, 128), (224, 16))
REFERENCE = "torchvision's own, tensors"


def candidates(side: int, batch: int) -> dict[str, Call]:
    images = photos(side, batch)
    pil = [TF.to_pil_image(image) for image in images]
    labels, generator = torch.zeros(batch, dtype=torch.long), torch.Generator().manual_seed(0)
    policy, theirs = Policy.preset("trivialaugment-wide"), T.TrivialAugmentWide()
    ours = policy.to_torchvision()
    out: dict[str, Call] = {
        REFERENCE: lambda: [theirs(image) for image in images],
        "torchvision's own, PIL": lambda: [theirs(image) for image in pil],
        "exported to torchvision, tensors": lambda: [ours(image) for image in images],
        "exported to torchvision, PIL": lambda: [ours(image) for image in pil],
        "exported to torchvision, a batch": lambda: ours(images),
        "augment (not exported), a batch": lambda: augment(policy, images, labels, num_classes=10, generator=generator),
    }
    return out | others(policy, images, pil)


def others(policy: Policy, images: torch.Tensor, pil: list[object]) -> dict[str, Call]:
    out: dict[str, Call] = {}
    if find_spec("timm"):
        by_timm = policy.to_timm(allow_loss=True)
        out["exported to timm, PIL"] = lambda: [by_timm(image) for image in pil]
    if find_spec("albumentations"):
        by_albumentations = policy.to_albumentations(allow_loss=True)
        arrays = [image.permute(1, 2, 0).contiguous().numpy() for image in images]
        out["exported to albumentations, arrays"] = lambda: [by_albumentations(image=array) for array in arrays]
    if find_spec("kornia"):
        by_kornia, floats = policy.to_kornia(allow_loss=True), images.float() / 255
        out["exported to kornia, a batch (one draw)"] = lambda: by_kornia(floats)
    return out


def table(rounds: int) -> list[str]:
    lines = ["| images | what | µs an image | times torchvision's own on tensors |", "| - | - | - | - |"]
    for side, batch in SETTINGS:
        calls = candidates(side, batch)
        for call in calls.values():
            call()
        each = [{name: seconds(call, 0.4, "cpu") / batch * 1e6 for name, call in calls.items()} for _ in range(rounds)]
        for name in calls:
            own = [one[name] for one in each]
            ratio = statistics.median(one[name] / one[REFERENCE] for one in each)
            spread = f"{statistics.median(own):.0f} ({min(own):.0f} to {max(own):.0f})"
            lines.append(f"| {batch} of {side}×{side}×3 | {name} | {spread} | {ratio:.2f} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("exports.md"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    where = f"{platform.machine()}, one core, no GPU, torch {torch.__version__}, {options.rounds} rounds"
    head = ["# Exported policies beside torchvision's TrivialAugmentWide", "", f"{where}.", ""]
    options.out.write_text("\n".join([*head, *table(options.rounds)]) + "\n")


if __name__ == "__main__":
    main()
