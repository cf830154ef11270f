"""What `augmentation.py` measures: one call per library, policy and batch. `python augmentation_peers.py` is a build.

As a program it answers requests for policysearch alone, of the tree that PYTHONPATH names: a line of JSON with side,
batch and policy in, the seconds of one call out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch

from policysearch import Policy, augment

Call = Callable[[], object]
TENSORS, PILLOW, KORNIA = "torchvision, tensors", "torchvision, Pillow", "kornia"
TIMM, ALBUMENTATIONS = "timm, Pillow", "albumentations"
PEERS = (TENSORS, PILLOW, KORNIA, TIMM, ALBUMENTATIONS)
SIDE_OF_ALL_PEERS = 224


def photos(side: int, batch: int) -> torch.Tensor:
    """Smooth random pictures with noise, [batch, 3, side, side] uint8."""
    g = torch.Generator().manual_seed(1)
    coarse = torch.rand(batch, 3, 6, 6, generator=g) * 255
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    return (smooth + 12 * torch.randn(smooth.shape, generator=g)).clamp(0, 255).to(torch.uint8)


def seconds(call: Call, least: float, device: str) -> float:
    """Of one call, over as many as take `least` seconds: of the processor, as other programs run too, or of a GPU."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    calls, started = 0, clock()
    while clock() - started < least or not calls:
        call()
        calls += 1
    if device == "cuda":
        torch.cuda.synchronize()
    return (clock() - started) / calls


def own_call(name: str, side: int, batch: int, device: str) -> Call:
    images, policy = photos(side, batch).to(device), policy_of(name)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    generator = torch.Generator(device).manual_seed(0)
    return lambda: augment(policy, images, labels, num_classes=10, generator=generator)


def policy_of(name: str) -> Policy:
    """A preset, or a mix of images that are not changed otherwise."""
    if name in ("mixup", "cutmix"):
        return Policy.from_dict({"sub_policies": [{"steps": []}], "mix": {"operation": name}})
    return Policy.preset(name)


def peers(name: str, side: int, batch: int, device: str) -> dict[str, Call]:
    """The same by other libraries, as far as they have it and are installed."""
    if name in ("mixup", "cutmix"):
        return {TENSORS: _mix_by_torchvision(name, side, batch, device)}
    return {
        **_by_torchvision(name, side, batch, device),
        **_by_kornia(name, side, batch, device),
        **(_by_timm(name, side, batch) if side == SIDE_OF_ALL_PEERS else {}),
        **(_by_albumentations(name, side, batch) if side == SIDE_OF_ALL_PEERS else {}),
    }


def _mix_by_torchvision(name: str, side: int, batch: int, device: str) -> Call:
    import torchvision.transforms.v2 as T

    mix = T.MixUp(num_classes=10) if name == "mixup" else T.CutMix(num_classes=10)
    images = photos(side, batch).to(device).float() / 255  # its mixup takes no uint8
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    return lambda: mix(images, labels)


def _by_torchvision(name: str, side: int, batch: int, device: str) -> dict[str, Call]:
    import torchvision.transforms.v2 as T
    import torchvision.transforms.v2.functional as TF

    theirs = {
        "trivialaugment-wide": T.TrivialAugmentWide(),
        "randaugment:2,9": T.RandAugment(2, 9),
        "flip-crop": T.Compose([T.RandomHorizontalFlip(), T.RandomCrop(side, padding=side // 8)]),
    }[name]
    images = photos(side, batch).to(device)
    pictures = [TF.to_pil_image(image.cpu()) for image in images]
    return {
        TENSORS: lambda: [theirs(image) for image in images],
        PILLOW: lambda: [theirs(picture) for picture in pictures],
    }


def _by_kornia(name: str, side: int, batch: int, device: str) -> dict[str, Call]:
    if not find_spec("kornia") or name == "flip-crop":
        return {}
    import kornia.augmentation.auto as auto

    theirs = auto.TrivialAugment() if name.startswith("trivial") else auto.RandAugment(2, 9)
    floats = photos(side, batch).to(device).float() / 255
    return {KORNIA: lambda: theirs(floats)}


def _by_timm(name: str, side: int, batch: int) -> dict[str, Call]:
    if not find_spec("timm") or not name.startswith("randaugment"):
        return {}
    import torchvision.transforms.v2.functional as TF
    from timm.data.auto_augment import rand_augment_transform

    theirs = rand_augment_transform("rand-m9-n2", {"img_mean": (0, 0, 0)})
    pictures = [TF.to_pil_image(image) for image in photos(side, batch)]
    return {TIMM: lambda: [theirs(picture) for picture in pictures]}


def _by_albumentations(name: str, side: int, batch: int) -> dict[str, Call]:
    if not find_spec("albumentations") or name == "flip-crop":
        return {}
    theirs = Policy.preset(name).to_albumentations(allow_loss=True)
    arrays = [image.permute(1, 2, 0).contiguous().numpy() for image in photos(side, batch)]
    return {ALBUMENTATIONS: lambda: [theirs(image=array) for array in arrays]}


def answer_requests() -> None:
    """Time policysearch for every request on standard input."""
    torch.set_num_threads(1)
    calls: dict[str, Call] = {}
    for line in sys.stdin:
        if line not in calls:
            request = json.loads(line)
            calls = {line: own_call(request["policy"], request["side"], request["batch"], "cpu")}
            calls[line]()
        print(seconds(calls[line], 0.4, "cpu"), flush=True)


if __name__ == "__main__":
    answer_requests()
