"""What Ultralytics' settings of a classification training do, read from the steps of a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, SomeOf, Step, SubPolicy, Uniform

AnyStep = Step | OneOf | SomeOf
Settings = dict[str, float | str]

NOTHING: Mapping[str, float | str] = MappingProxyType(
    {
        "scale": 0.0,
        "fliplr": 0.0,
        "flipud": 0.0,
        "auto_augment": "",
        "hsv_h": 0.0,
        "hsv_s": 0.0,
        "hsv_v": 0.0,
        "erasing": 0.0,
    }
)
"""The settings that augment, each so that it does nothing; Ultralytics' own defaults augment strongly."""

AUTO_AUGMENT: Mapping[str, str] = MappingProxyType(
    {"randaugment": "randaugment:2,9", "autoaugment": "autoaugment-imagenet"}
)
"""By the value of `auto_augment`, the preset that it is."""

BILINEAR = "Ultralytics interpolates bilinearly in auto_augment, this program takes the nearest pixel"
_REDRAWN = "Ultralytics draws a crop's area and shape ten times and then gives up: large areas are rarer"
_DROPPED = "Ultralytics drops its colour jitter beside auto_augment"
_IN_ANY_ORDER = "Ultralytics applies brightness, contrast, colour and hue in random order"
_RANKS: Mapping[str, int] = MappingProxyType(
    {"resized-crop": 0, "flip-horizontal": 1, "flip-vertical": 1, "jitter": 2, "random-erasing": 3}
)
"""In which order Ultralytics applies what it has; auto_augment comes with the jitter."""
_JITTER: Mapping[str, str] = MappingProxyType(
    {"brightness": "hsv_v", "contrast": "hsv_v", "color": "hsv_s", "hue": "hsv_h"}
)
_ERASED = (0.02, 0.33)


@dataclass
class Reading:
    """What of a sequence of steps the settings say.

    Attributes:
        settings: as far as they have been read.
        expressed: the steps that they say, in order.
        losses: what they do not say, once each.
        changes: in what they differ, once each.
    """

    settings: Settings = field(default_factory=lambda: dict(NOTHING))
    expressed: list[AnyStep] = field(default_factory=list)
    losses: dict[str, None] = field(default_factory=dict)
    changes: dict[str, None] = field(default_factory=dict)


def split(policy: Policy) -> tuple[Sequence[AnyStep], str, Sequence[AnyStep]] | None:
    """Steps before and after one of Ultralytics' `auto_augment`, and its value, "" for none.

    None: sub-policies differ, and are not those of a preset that Ultralytics has.
    """
    subs = policy.sub_policies
    for value, name in AUTO_AUGMENT.items():
        preset = Policy.preset(name).sub_policies
        around = _around(subs, preset)
        if around is not None:
            return around[0], value, around[1]
    return (subs[0].steps, "", ()) if len(subs) == 1 else None


def _around(
    subs: Sequence[SubPolicy], preset: Sequence[SubPolicy]
) -> tuple[tuple[AnyStep, ...], tuple[AnyStep, ...]] | None:
    """The steps that all sub-policies have before and after those of a preset."""
    if len(subs) != len(preset) or len({sub.weight for sub in subs}) > 1:
        return None
    length = len(preset[0].steps)
    for start in range(len(subs[0].steps) - length + 1):
        before, after = subs[0].steps[:start], subs[0].steps[start + length :]
        if all(sub.steps == (*before, *row.steps, *after) for sub, row in zip(subs, preset, strict=True)):
            return before, after
    return None


def read_steps(before: Sequence[AnyStep], auto_augment: str, after: Sequence[AnyStep]) -> Reading:
    """The settings of steps around `auto_augment`."""
    reading = Reading()
    jitters: list[Step] = []
    rank = 0
    for place, step in enumerate([*before, *after]):
        kind, reason = _kind(step), _why_not(step)
        if place == len(before) and auto_augment:
            rank = _RANKS["jitter"]
        if reason is None and kind == "jitter" and auto_augment:
            reason = _DROPPED
        elif reason is None and (_RANKS.get(kind, 0) < rank or _is_there(reading, step, kind)):
            reason = f"Ultralytics has crop, flips, colours and erasing once each and in this order: {kind} is left out"
        if reason is not None:
            reading.losses[reason] = None
            continue
        rank = max(rank, _RANKS.get(kind, 0))
        reading.expressed.append(step)
        if kind == "jitter":
            jitters += _steps(step)
        else:
            _set(reading, step)
    _set_jitter(reading, jitters)
    reading.settings["auto_augment"] = auto_augment
    return reading


def _steps(step: AnyStep) -> tuple[Step, ...]:
    return step.some_of if isinstance(step, SomeOf) else (step,) if isinstance(step, Step) else step.one_of


def _kind(step: AnyStep) -> str:
    names = {one.operation for one in _steps(step)}
    return "jitter" if names <= _JITTER.keys() else " or ".join(sorted(names))


def _is_there(reading: Reading, step: AnyStep, kind: str) -> bool:
    return (
        kind != "identity"
        and any(_kind(other) == kind for other in reading.expressed)
        and isinstance(step, Step)
        and (
            kind != "jitter"
            or step.operation in [one.operation for other in reading.expressed for one in _steps(other)]
        )
    )


def _why_not(step: AnyStep) -> str | None:
    """Why no setting says a step; None where one does."""
    if isinstance(step, OneOf):
        return "Ultralytics chooses one of several operations in auto_augment=randaugment alone, two of them at level 9"
    if isinstance(step, SomeOf):
        whole = _kind(step) == "jitter" and step.counts[-1] == 1 and len(step.counts) == len(step.some_of) + 1
        if not whole:
            return (
                "Ultralytics has no several steps in random order but brightness, contrast, colour and hue, all of them"
            )
        return next((reason for reason in map(_why_not, step.some_of) if reason), None)
    return _why_not_one(step)


def _why_not_one(step: Step) -> str | None:
    name, magnitude = step.operation, step.magnitude
    drawn = magnitude if isinstance(magnitude, Uniform) and not magnitude.levels else None
    if name in ("identity", "flip-horizontal", "flip-vertical"):
        return None
    if name in _JITTER:
        if step.probability == 1 and drawn and step.draws_sign and drawn.start == 0:
            return None
        return f"Ultralytics changes {name} of every image, by up to a setting in both directions"
    if name == "resized-crop":
        if step.probability == 1 and drawn and drawn.stop == 1:
            return None
        return "Ultralytics crops every image, to an area drawn evenly from 1 - scale to 1"
    if name == "random-erasing":
        if drawn and (drawn.start, drawn.stop) == _ERASED:
            return None
        return "Ultralytics erases areas drawn evenly from 0.02 to 0.33"
    return f"Ultralytics' settings have no {name} but in auto_augment"


def _set(reading: Reading, step: AnyStep) -> None:
    if not isinstance(step, Step) or step.operation == "identity":
        return
    if step.operation == "resized-crop" and isinstance(step.magnitude, Uniform):
        reading.settings["scale"] = round(1 - step.magnitude.start, 12)
        reading.changes[_REDRAWN] = None
    else:
        names = {"flip-horizontal": "fliplr", "flip-vertical": "flipud", "random-erasing": "erasing"}
        reading.settings[names[step.operation]] = step.probability


def _set_jitter(reading: Reading, jitters: Sequence[Step]) -> None:
    """Brightness and contrast share one setting, so that neither can be had without the other."""
    reach = {one.operation: one.magnitude.stop for one in jitters if isinstance(one.magnitude, Uniform)}
    if reach.get("brightness") != reach.get("contrast"):
        reading.losses["Ultralytics has one setting, hsv_v, for brightness and contrast, which must be alike"] = None
        reading.expressed = [step for step in reading.expressed if not _lights(step)]
        for name in ("brightness", "contrast"):
            reach.pop(name, None)
    if len(reach) > 1 and not any(isinstance(step, SomeOf) for step in reading.expressed):
        reading.changes[_IN_ANY_ORDER] = None
    for name, most in reach.items():
        reading.settings[_JITTER[name]] = most


def _lights(step: AnyStep) -> bool:
    return any(one.operation in ("brightness", "contrast") for one in _steps(step))
