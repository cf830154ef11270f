"""Policies as Ultralytics' settings for the training of classification networks, in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from policysearch.export.lossy import Source, head, unsupported
from policysearch.export.ultralytics_table import BILINEAR, AnyStep, Reading, Settings, read_steps, split
from policysearch.policy.policy import Policy
from policysearch.policy.steps import SubPolicy

_DIFFERS = "Ultralytics' settings have one of several sub-policies in auto_augment=autoaugment alone"
_NOTE = (
    "All settings that augment are written, as Ultralytics' own defaults flip, crop and erase. Images are brought to "
    "imgsz first; what is not square is cropped to a shape of 3:4 to 4:3. Draws come from torch's global generator and "
    "Python's random. --to ultralytics-trainer writes a trainer that takes all policies."
)


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the settings can say it, and what is lost."""
    plain, lost = unsupported(policy, "ultralytics")
    reading, body = _read(plain)
    if reading is None:
        nothing = plain.model_copy(update={"sub_policies": (SubPolicy(),)})
        return nothing, [*lost, _DIFFERS]
    remaining = list(reading.expressed)
    before, after = (_taken(steps, remaining) for steps in body[:2])
    subs = tuple(SubPolicy(steps=(*before, *steps, *after)) for steps in body[2])
    same = not reading.losses
    expressed = plain if same else plain.model_copy(update={"sub_policies": subs})
    return expressed, [*lost, *reading.losses, *reading.changes, *([BILINEAR] if body[3] else [])]


def _taken(steps: Sequence[AnyStep], remaining: list[AnyStep]) -> list[AnyStep]:
    """Those of the steps that are among the remaining, which they leave."""
    out = []
    for step in steps:
        if step in remaining:
            remaining.remove(step)
            out.append(step)
    return out


def _read(policy: Policy) -> tuple[Reading | None, Any]:
    """The settings, and the steps before and after auto_augment, its own, and its value."""
    around = split(policy)
    if around is None:
        return None, None
    before, value, after = around
    end = len(policy.sub_policies[0].steps) - len(after)
    inner = [sub.steps[len(before) : end] for sub in policy.sub_policies]
    return read_steps(before, value, after), (before, after, inner, value)


def settings(policy: Policy) -> Settings:
    """The settings of a policy that they can say."""
    reading, _ = _read(policy)
    assert reading is not None
    return reading.settings


def live(policy: Policy, size: int = 224) -> Any:
    """The transform of PIL images that Ultralytics makes of the settings, for images of `size` pixels a side."""
    values = settings(policy)
    names = {"hflip": "fliplr", "vflip": "flipud"}
    arguments = {
        name: values[names.get(name, name)] for name in ("hflip", "vflip", "hsv_h", "hsv_s", "hsv_v", "erasing")
    }
    scale = (1.0 - float(values["scale"]), 1.0)
    make = import_module("ultralytics.data.augment").classify_augmentations
    return make(size=size, scale=scale, auto_augment=values["auto_augment"], **arguments)


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the settings.

    Args:
        policy: one that the settings can say.
        name: what the file is called, without its ending.
        source: where the policy comes from, and what of it is left out.
    """
    use = [
        f"yolo classify train cfg={name}.yaml model=yolo11n-cls.pt data=folder epochs=100 imgsz=224",
        f'YOLO("yolo11n-cls.pt").train(cfg="{name}.yaml", data="folder", epochs=100, imgsz=224)  # in Python',
    ]
    doc = head(policy, source, ("ultralytics", "torchvision"), use, [_NOTE])
    comments = [f"# {line}".rstrip() for line in doc.splitlines()]
    lines = [f"{key}: {_value(value)}" for key, value in settings(policy).items()]
    return "\n".join([*comments, "", "task: classify", "mode: train", *lines]) + "\n"


def _value(value: float | str) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{float(value)!r}"
