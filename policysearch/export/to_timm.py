"""Policies as a Python file of timm's own operation objects."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from policysearch.core.errors import UserError
from policysearch.export.bundle import assemble
from policysearch.export.codegen import rendered
from policysearch.export.lossy import Source, altered, head, in_order, own_operation, replaced, unsupported
from policysearch.export.timm_names import ENHANCING, LEVELS, name_of
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, Uniform, choices

_TEMPLATES = "policysearch.export.templates.timm_policy"
_DARKEST = 0.9 + 1e-9
_LEAST_BLUR, _MOST_BLUR = 0.1, 2.0
_NOTE = (
    "timm's operations are Pillow's: values may differ by 1 from those searched with, translations by a fraction of "
    "the side by a pixel. Draws come from Python's random: random.seed, or a DataLoader's own seeds, repeat them."
)
_CLASS = '''class LearnedPolicy(TimmPolicy):
    """The policy above."""

    def __init__(self) -> None:
        super().__init__(SUB_POLICIES)
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as timm can express it, and what is lost."""
    plain, lost = unsupported(policy, "timm")
    ordered, disordered = in_order(plain, "timm")
    expressed, missing = replaced(ordered, _why_not)
    return expressed, [*lost, *disordered, *missing, *altered(expressed, _change)]


def _why_not(step: Step) -> str | None:
    unknown = own_operation(step, "timm")
    if unknown:
        return unknown
    if name_of(step) is None:
        sign = f"timm draws the sign of {step.operation} itself"
        return f"timm's policies have no {step.operation}" if step.signed else sign
    if step.operation == "gaussian-blur" and not all(_LEAST_BLUR <= v <= _MOST_BLUR for v in _ends(step, 4)):
        return f"timm blurs by a sigma of {_LEAST_BLUR:g} to {_MOST_BLUR:g}"
    return None


def _change(step: Step) -> str | None:
    if step.operation in ENHANCING and (max(map(abs, _ends(step))) if step.signed else -min(_ends(step))) > _DARKEST:
        return f"{step.operation} stops at a factor of 0.1 in timm"
    if step.operation == "gaussian-blur":
        return "Pillow blurs by means of boxes: about half of the values differ"
    if isinstance(step.magnitude, Uniform) and not step.magnitude.levels:
        return "magnitudes of an interval are drawn from 256 values in it"
    return None


def _ends(step: Step, deviations: float = 0) -> list[float]:
    """The least and the largest magnitude; of noisy ones, so many standard deviations out, within the range."""
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        return [magnitude.start, magnitude.stop]
    if not isinstance(magnitude, Normal):
        return [magnitude or 0.0]
    out = magnitude.std * deviations
    return [max(step.range[0], magnitude.mean - out), min(step.range[1], magnitude.mean + out)]


def sub_policies(policy: Policy) -> list[Any]:
    """What `TimmPolicy` takes."""
    return [(sub.weight, [_step(step) for step in sub.steps]) for sub in policy.sub_policies]


def _step(step: Step | OneOf | SomeOf) -> Any:
    return _one(step) if isinstance(step, Step) else [_one(choice) for choice in choices(step)]


def _one(step: Step) -> tuple[Any, ...]:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform | Normal):
        return name_of(step), step.probability, magnitude.model_dump(exclude_none=True)
    return (name_of(step), step.probability, *([] if magnitude is None else [magnitude]))


def live(policy: Policy) -> Any:
    """`LearnedPolicy` of the exported file as an object."""
    return import_module(_TEMPLATES).TimmPolicy(sub_policies(policy))


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that timm can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    used = sorted({str(name_of(one)) for sub in policy.sub_policies for step in sub.steps for one in choices(step)})
    rows = {theirs: LEVELS[theirs] for theirs in used if theirs in LEVELS}
    use = [
        f"from {name} import LearnedPolicy",
        "transform = transforms.Compose([LearnedPolicy(), transforms.ToTensor()])",
        "image = transform(image)  # a PIL image, L or RGB",
    ]
    notes = [_NOTE, *_same_string(policy)]
    doc = head(policy, source, ("timm", "pillow"), use, notes)
    definitions = {"LEVELS": f"LEVELS = {rendered(rows, used=9)}"}
    data = f"SUB_POLICIES = {rendered(sub_policies(policy), used=15)}"
    return assemble(_TEMPLATES, definitions, doc, [data, _CLASS])


def _same_string(policy: Policy) -> list[str]:
    """A note on the config string that the policy was read from, if it still says the same."""
    from policysearch.export.from_timm import read

    string = policy.about.get("timm")
    try:
        same, differences = read(string, "timm") if isinstance(string, str) else (None, [])
    except UserError:
        return []
    return [f"timm's own string {string} says the same, but: {'; '.join(differences)}."] if same == policy else []
