"""Policies as a Python file of kornia's own augmentations."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from policysearch.core.masks import IGNORE
from policysearch.export.bundle import assemble
from policysearch.export.codegen import Call, Name, rendered
from policysearch.export.lossy import (
    Source,
    altered,
    built,
    head,
    in_order,
    is_for_masks,
    own_operation,
    replaced,
    unsupported,
)
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, Uniform, choices

_TEMPLATES = "policysearch.export.templates.kornia_policy"
OPERATIONS = frozenset(
    {
        "identity", "rotate", "shear-x", "shear-y", "translate-x", "translate-y", "brightness", "contrast", "color",
        "hue", "sharpness", "posterize", "solarize", "autocontrast", "equalize", "invert", "grayscale",
        "flip-horizontal", "flip-vertical", "gaussian-blur",
    }
)  # fmt: skip
_ONE_DRAW = "kornia draws one sub-policy, magnitude and sign for a whole batch, not per image"
_FINE = 32
_NOTE = (
    "WARNING: one draw holds for a whole batch, so that a batch of 128 sees as much variety as one image did in the "
    "search. It takes images alone: boxes and masks would stay behind. Draws come from torch's global generator."
)
_CLASS = '''class LearnedPolicy(KorniaPolicy):
    """The policy above."""

    def __init__(self) -> None:
        super().__init__(POLICY)
'''


_NOTE_ON_MASKS = (
    "WARNING: one draw holds for a whole batch, so that a batch of 128 sees as much variety as one image did in the "
    "search. Masks move along with the images. Draws come from torch's global generator."
)
_MASK_CLASS = '''class LearnedSegmentation(MaskPolicy):
    """`LearnedPolicy` for images with masks."""

    def __init__(self, ignore: int = {ignore}) -> None:
        super().__init__(LearnedPolicy(), ignore)
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as kornia can express it, and what is lost."""
    plain, lost = unsupported(policy, "kornia")
    ordered, disordered = in_order(plain, "kornia")
    expressed, missing = replaced(ordered, _why_not)
    one_draw = [_ONE_DRAW] if _varies(expressed) else []
    return expressed, [*one_draw, *lost, *disordered, *missing, *altered(expressed, _change)]


def _why_not(step: Step) -> str | None:
    return own_operation(step, "kornia") or (
        None if step.operation in OPERATIONS else f"kornia's augmentations have no {step.operation}"
    )


def _varies(policy: Policy) -> bool:
    """Whether images of one batch would differ in more than which steps are applied to them."""
    steps = [step for sub in policy.sub_policies for step in sub.steps]
    varied = any(one.draws_sign or isinstance(one.magnitude, Uniform | Normal) for s in steps for one in choices(s))
    return len(policy.sub_policies) > 1 or varied or any(len(choices(step)) > 1 for step in steps)


def _change(step: Step) -> str | None:
    if isinstance(step.magnitude, Normal):
        return "noisy magnitudes are drawn from 15 quantiles"
    if isinstance(step.magnitude, Uniform) and not step.magnitude.levels:
        return f"magnitudes of an interval are drawn from {_FINE} values in it"
    return None


def _data(policy: Policy) -> list[Any]:
    return [(sub.weight, [_step(step) for step in sub.steps]) for sub in policy.sub_policies]


def _step(step: Step | OneOf | SomeOf) -> list[Any]:
    return [(Name(one.operation.replace("-", "_")), one.probability, _magnitudes(one)) for one in choices(step)]


def _magnitudes(step: Step) -> object:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        values: object = Call("evenly_spaced", [magnitude.start, magnitude.stop, magnitude.levels or _FINE])
    elif isinstance(magnitude, Normal):
        values = Call("normal", [magnitude.mean, magnitude.std, *step.range])
    else:
        values = [magnitude or 0.0]
    return Call("both", [values]) if step.draws_sign else values


def live(policy: Policy) -> Any:
    """`LearnedPolicy` of the exported file as an object."""
    transform = built(Call("KorniaPolicy", [_data(policy)]), _TEMPLATES)
    return import_module(_TEMPLATES).MaskPolicy(transform, IGNORE) if is_for_masks(policy) else transform


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that kornia can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    masks = is_for_masks(policy)
    doc = head(policy, source, ("kornia", "torch"), _use(name, masks), [_NOTE_ON_MASKS if masks else _NOTE])
    classes = [_CLASS, *([_MASK_CLASS.format(ignore=IGNORE)] if masks else [])]
    return assemble(_TEMPLATES, {}, doc, [f"POLICY = {rendered(_data(policy), used=9)}", *classes])


def _use(name: str, masks: bool) -> list[str]:
    if masks:
        return [
            f"from {name} import LearnedSegmentation",
            f"policy = LearnedSegmentation(ignore={IGNORE})  # what masks have where pixels come from outside",
            "images, masks = policy(images, masks)  # float [B, C, H, W] in [0, 1], whole numbers [B, H, W]",
        ]
    return [
        f"from {name} import LearnedPolicy",
        "policy = LearnedPolicy()",
        "images = policy(images)  # float [B, C, H, W] in [0, 1], on any device",
    ]
