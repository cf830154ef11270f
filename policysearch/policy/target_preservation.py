"""Which steps keep the numbers of an image: said by the user, in a space file or in a policy's `about`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policysearch.core.errors import UserError, unknown_name
from policysearch.policy.mixes import MIXES
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import choices

KEEPS = "keeps"
"""The key, in a space file and in a policy's `about`."""
_IDLE = "identity"


def must_be_steps(names: Iterable[str]) -> None:
    """Check the names of steps that keep numbers.

    Raises:
        UserError: one is neither an operation nor a mix of images; the message suggests the nearest.
    """
    for name in names:
        if name not in OPERATIONS and name not in MIXES:
            raise unknown_name(f"operation or mix in {KEEPS}", name, [*OPERATIONS, *MIXES])


def kept_by(policy: Policy) -> tuple[str, ...] | None:
    """The steps that a policy's `about` says to keep numbers; None where it says nothing.

    Raises:
        UserError: it says something else than a list of names.
    """
    names = policy.about.get(KEEPS)
    if names is None:
        return None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UserError(f"about: {KEEPS} is a list of operations and mixes, got {names!r:.80}")
    must_be_steps(names)
    return tuple(names)


def steps_of(policy: Policy) -> tuple[str, ...]:
    """The operations and mixes of a policy with all of its stages, each once; identity is none.

    Example:
        >>> steps_of(Policy.preset("flip-crop"))
        ('flip-horizontal', 'pad-and-crop')
    """
    names: list[str] = []
    for start in (0.0, *(stage.start for stage in policy.stages)):
        part = policy.at(start)
        names += [choice.operation for sub in part.sub_policies for step in sub.steps for choice in choices(step)]
        names += [part.mix.operation] if part.mix is not None else []
    return tuple(name for name in dict.fromkeys(names) if name != _IDLE)


def must_keep_numbers(policy: Policy, title: str, keeps: Sequence[str] | None) -> None:
    """Check that all steps of a policy keep the numbers of an image.

    Args:
        policy: with all its stages.
        title: what it is called, as the subject of the message.
        keeps: the steps that do, as the user says; None where nothing is said.

    Raises:
        UserError: nothing is said, or a step is none of them.
    """
    steps = steps_of(policy)
    if steps and keeps is None:
        raise UserError(
            f"{title} has {steps[0]}, and nothing says that it keeps the numbers of an image: say which steps do by "
            f'{KEEPS} = ["brightness", "contrast"] in the space file (in the about of a policy file), or give --space '
            "colours, whose steps move nothing"
        )
    others = [step for step in steps if step not in (keeps or ())]
    if others:
        raise UserError(
            f"{title} has {others[0]}, which is not among the steps that keep the numbers of an image ({KEEPS} = "
            f"{', '.join(keeps or ()) or 'none'}): take it out, or name it there if no number changes with it"
        )
