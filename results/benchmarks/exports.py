"""Exported policies compared with torchvision's TrivialAugmentWide: microseconds per image, alone and in batches.

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
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
import torchvision.transforms.v2 as T
import torchvision.transforms.v2.functional as TF
from augmentation import photos, seconds
from targets import Target, section

from policysearch import Policy, augment

Call = Callable[[], object]
Result = tuple[str, str, list[float], float]
"""The images, what augments them, µs per image of each round, and their ratio to the reference's."""
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


def measured(rounds: int) -> Iterator[Result]:
    for side, batch in SETTINGS:
        calls = candidates(side, batch)
        for call in calls.values():
            call()
        times = [{name: seconds(call, 0.4, "cpu") / batch * 1e6 for name, call in calls.items()} for _ in range(rounds)]
        for name in calls:
            ratio = statistics.median(one[name] / one[REFERENCE] for one in times)
            result = (f"{batch} of {side}×{side}×3", name, [one[name] for one in times], ratio)
            print(row(*result), flush=True)
            yield result


def row(images: str, what: str, times: list[float], ratio: float) -> str:
    spread = f"{statistics.median(times):.0f} ({min(times):.0f} to {max(times):.0f})"
    return f"| {images} | {what} | {spread} | {ratio:.2f} |"


def against_limits(ratios: dict[tuple[str, str], float]) -> list[Target]:
    """From the ratios to the reference, by images and what augments them; the limit is the reference's own time."""
    return [
        Target.at_most(f"{what}, {images}: time by {REFERENCE}", ratio, 1)
        for (images, what), ratio in ratios.items()
        if what.startswith("exported")
    ]


def page(results: list[Result], rounds: int) -> list[str]:
    return [
        "# Exported policies compared with torchvision's TrivialAugmentWide",
        "",
        f"`python results/benchmarks/exports.py --rounds {rounds}` · {platform.machine()}, one core, no GPU, "
        f"torch {torch.__version__}",
        "",
        "| images | what | µs per image | times torchvision's own on tensors |",
        "| - | - | - | - |",
        *(row(*result) for result in results),
        "",
        *section(against_limits({(images, what): ratio for images, what, _, ratio in results})),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("exports.md"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    lines = page(list(measured(options.rounds)), options.rounds)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
