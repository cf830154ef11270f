"""What all exporters share: what is lost on the way, and where a policy came from."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.tasks import SEGMENTATION, TASKS
from policysearch.export.codegen import Call, Name, quoted
from policysearch.policy.adaptive import OFF
from policysearch.policy.classes import with_sub_policies
from policysearch.policy.describe import in_words
from policysearch.policy.losses import parse_loss
from policysearch.policy.mask_checks import changes_masks
from policysearch.policy.mixes import mix_row
from policysearch.policy.operations import SHIPPED_OPERATIONS
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.steps import OneOf, SomeOf, Step, SubPolicy, choices

_WIDTH = 116
_LISTED = 12
"""Reasons that a refusal lists."""
_MOVES_MASKS = ("kornia", "albumentations")
"""The libraries, of those that `unsupported` is asked for, whose exports move masks too."""
_ABOUT = ("study", "data", "model", "reward", "images", "epochs", "space", "strategy")


def refusal(what: str, losses: Sequence[str]) -> UserError:
    """The error for a policy that would lose something: what that is, and the option that accepts the loss."""
    listed = list(losses[:_LISTED])
    if len(losses) > _LISTED:
        listed.append(f"and {len(losses) - _LISTED} more")
    return UserError(f"{what}: {'; '.join(listed)}. To leave that out, add --allow-loss (in Python allow_loss=True)")


def built(value: object, module: str) -> Any:
    """The object that an expression over a module's names stands for.

    Args:
        value: of `codegen`: names, calls, lists, tuples and dictionaries of such, or plain values.
        module: a template module, by its full name.
    """
    if isinstance(value, Name):
        return getattr(import_module(module), value.name)
    if isinstance(value, Call):
        named = {name: built(part, module) for name, part in (value.named or {}).items()}
        return built(Name(value.function), module)(*(built(part, module) for part in value.arguments), **named)
    if isinstance(value, list | tuple):
        return type(value)(built(part, module) for part in value)
    if isinstance(value, dict):
        return {key: built(part, module) for key, part in value.items()}
    return value


def own_operation(step: Step, library: str) -> str | None:
    """Why an operation registered by the user cannot be written for a library; None for those that ship."""
    if step.operation in SHIPPED_OPERATIONS:
        return None
    return f"operation {step.operation} is your own, and {library} does not have it"


def replaced(policy: Policy, why_not: Callable[[Step], str | None]) -> tuple[Policy, list[str]]:
    """A policy with identity in place of the steps that a library does not have.

    Args:
        policy: to be written.
        why_not: (step) -> the reason why it cannot be written, or None.

    Returns:
        The policy, which is `policy` itself where nothing is replaced, and each reason once.
    """
    losses: dict[str, None] = {}

    def replace_step(step: Step) -> Step:
        reason = why_not(step)
        if reason is None:
            return step
        losses[reason] = None
        return Step(operation="identity")

    def replace_parts(step: Step | OneOf | SomeOf) -> Step | OneOf | SomeOf:
        parts = tuple(map(replace_step, choices(step)))
        if isinstance(step, OneOf):
            return step.model_copy(update={"one_of": parts})
        return step.model_copy(update={"some_of": parts}) if isinstance(step, SomeOf) else parts[0]

    def replace_all(sub_policies: tuple[SubPolicy, ...]) -> tuple[SubPolicy, ...]:
        return tuple(sub.model_copy(update={"steps": tuple(map(replace_parts, sub.steps))}) for sub in sub_policies)

    changed = with_sub_policies(policy, replace_all)
    return (changed if losses else policy), list(losses)


def in_order(policy: Policy, library: str) -> tuple[Policy, list[str]]:
    """The policy with identity in place of several steps in random order, and the reason."""
    if not any(isinstance(step, SomeOf) for sub in policy.sub_policies for step in sub.steps):
        return policy, []
    nothing = Step(operation="identity")
    sub_policies = tuple(
        sub.model_copy(update={"steps": tuple(nothing if isinstance(step, SomeOf) else step for step in sub.steps)})
        for sub in policy.sub_policies
    )
    reason = f"several steps in random order, as many as drawn (some_of), are not written for {library}"
    return policy.model_copy(update={"sub_policies": sub_policies}), [reason]


def altered(policy: Policy, change: Callable[[Step], str | None]) -> list[str]:
    """In what the steps that are kept will differ, each reason once."""
    steps = (choice for sub in policy.sub_policies for step in sub.steps for choice in choices(step))
    return list(dict.fromkeys(reason for reason in map(change, steps) if reason))


def without_network(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy with its magnitudes drawn evenly where the network that is trained should give them, and the reason.

    No transform of images sees the network: only a training by this program does.
    """
    adaptive = [policy.adaptive, *(stage.adaptive for stage in policy.stages)]
    rules = [rule.rule for rule in adaptive if rule and rule.rule != OFF]
    if not rules:
        return policy, []
    names = " and ".join(dict.fromkeys(rules))
    reason = f"magnitudes of each image by {names} need the network that is trained: here they are drawn evenly"
    stages = tuple(stage.model_copy(update={"adaptive": None}) for stage in policy.stages)
    return policy.model_copy(update={"adaptive": None, "stages": stages}), [reason]


def is_for_masks(policy: Policy) -> bool:
    """Whether it was found in trainings on images with masks."""
    return policy.about.get("task") == SEGMENTATION


def without_masks(policy: Policy, library: str) -> tuple[Policy, list[str]]:
    """A policy for masks as one for images alone, and that their masks would stay behind; any other as it is.

    Args:
        policy: to be written.
        library: by its name; of one that moves masks too nothing changes.
    """
    if library in _MOVES_MASKS or not is_for_masks(policy):
        return policy, []
    about = {key: value for key, value in policy.about.items() if key != "task"}
    mixes = [policy.mix, *(stage.mix for stage in policy.stages)]
    reason = f"{library}'s transforms take images alone: masks would stay behind where pixels are moved or hidden"
    moves = changes_masks(policy) or any(mixes)
    return policy.model_copy(update={"about": about}), [reason] if moves else []


def in_strings(mix: str) -> str:
    """Why a mix of lines is not written for any library."""
    return f"{mix} mixes the strings of lines too, and transforms get images alone: the mix is left out"


def _mix_left_out(policy: Policy, library: str) -> str:
    if policy.mix is not None and mix_row(policy.mix.operation).needs_texts:
        return in_strings(policy.mix.operation)
    return f"the mix of the batch is left out: add {library}'s own after the policy"


def without_own_targets(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy without mixes and softening where it was found for targets that are not one class per image.

    What exported code does to targets is for classes; images are augmented as they were searched.
    """
    task = TASKS.get(str(policy.about.get("task")))
    parts: list[Policy | Stage] = [policy, *policy.stages]
    changes_targets = any(part.mix or part.softening for part in parts)
    if task is None or task.needs not in ("label-sets", "numbers") or not changes_targets:
        return policy, []
    reason = (
        f"mixes and softening of exported code are for one class per image, and the policy is of --task {task.name}: "
        "they are left out; policysearch.augment_targets has them"
    )
    plain: dict[str, Any] = {"mix": None, "softening": None}
    stages = tuple(stage.model_copy(update=plain) for stage in policy.stages)
    return policy.model_copy(update={**plain, "stages": stages}), [reason]


def unsupported(policy: Policy, library: str) -> tuple[Policy, list[str]]:
    """The policy without what only exported torchvision code has: softening, mixes, mixture, stages, pair, classes."""
    parts = {
        "softening": f"{library} has no softened targets or weights: images are augmented, labels stay hard",
        "mix": _mix_left_out(policy, library),
        "mixture": f"{library} has no mean of several draws: one draw per image is left of it",
        "stages": f"{library} knows no progress of the training: the policy is what it is at its start",
        "pair": f"{library} has no two views with a weight for the pair: one view per image is left of it",
        "classes": f"{library} is not given an image's label: all classes are augmented as those that share the policy",
    }
    losses = [reason for name, reason in parts.items() if getattr(policy, name)] + without_network(policy)[1]
    policy, behind = without_masks(policy, library)
    losses += behind
    loss = parse_loss(policy.about.get("loss"))
    if loss:
        losses.append(f"the loss it was found with ({loss.label}) is no part of {library}'s augmentation")
    bare: dict[str, Any] = {
        "softening": None,
        "mix": None,
        "mixture": None,
        "stages": (),
        "adaptive": None,
        "classes": {},
        "pair": None,
    }
    return policy.model_copy(update=bare), losses


@dataclass(frozen=True)
class Source:
    """What an export starts from.

    Attributes:
        policy: as it was searched.
        lost: what of it the exported file leaves out.
    """

    policy: Policy
    lost: tuple[str, ...] = ()


def head(
    expressed: Policy, source: Source | None, libraries: Sequence[str], use: Sequence[str], notes: Sequence[str]
) -> str:
    """The docstring of an exported file, without its quotes: what it is, where it is from, how it is used.

    Args:
        expressed: the policy as far as the library can express it.
        source: what it comes from; None if that is the same.
        libraries: distributions whose installed versions are stated.
        use: lines of code.
        notes: paragraphs on what differs from the search.
    """
    source = source or Source(expressed)
    policy, about = source.policy, source.policy.about
    origin = ", ".join(f"{key} {about[key]}" for key in _ABOUT if about.get(key) is not None) or "written by hand"
    versions = ", ".join(f"{name} {_version(name)}" for name in ("policysearch", *libraries))
    facts = f"Policy {policy.hash} of {about.get('date', 'no date')}: {origin}. Written by {versions}."

    verdict = [f"{about['verdict']}."] if about.get("verdict") else []
    lost = [f"LEFT OUT: {'; '.join(source.lost)}."] if source.lost else []
    blocks = [wrapped(text) for text in (f"{policy.name or 'A policy'}, as an augmentation.", facts, *verdict)]
    blocks.append("\n".join(f"    {line}" for line in use))
    blocks += [wrapped(text) for text in (*lost, *notes)]
    return "\n\n".join([*blocks, "\n".join(wrapped(line) for line in in_words(expressed).splitlines())])


def wrapped(text: str) -> str:
    """A paragraph of the docstring of an exported file, in lines of at most 116 characters."""
    return textwrap.fill(quoted(text, 2000), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
