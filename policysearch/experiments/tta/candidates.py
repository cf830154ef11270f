"""The pool of views that the greedy search chooses from: those of the classics, and views that are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.seeds import seed_of
from policysearch.experiments.tta.settings import RANDAUGMENT, SPACE
from policysearch.policy.operations import OPERATIONS, RANDAUGMENT_OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform
from policysearch.policy.tta import CLASSICS, View, ViewStep, can_be_viewed
from policysearch.study.config import load_config
from policysearch.study.policy_spec import named_policy

_POOL = 77  # keys the draws of the pool
_AT_ONCE = 200
_MOST_DRAWS = 100
"""Times `_AT_ONCE` draws, after which a pool stays smaller than it should be: a policy may have a handful of views."""


def classic_pool() -> tuple[View, ...]:
    """The views of all classic test-time policies, each once, the image as it is first."""
    return tuple(dict.fromkeys(view for views in CLASSICS.values() for view in views))


def pool(sources: Sequence[Policy], count: int, seed: int) -> tuple[View, ...]:
    """The views of the classics, and drawn ones until there are `count`.

    Args:
        sources: policies that are drawn from in turn; what no view can be made of (masks, noise, operations of the
            user's own, mixes) is left out of what is drawn.
        count: how many views; fewer where so many different ones cannot be drawn, more where the classics have more.
        seed: of the draws.
    """
    views = dict.fromkeys(classic_pool())
    for view in _drawn(sources, seed):
        if len(views) >= count:
            break
        views.setdefault(view)
    return tuple(views)


def _drawn(sources: Sequence[Policy], seed: int) -> Iterator[View]:
    import torch

    from policysearch.augmentation import draw

    for turn in range(_MOST_DRAWS):
        batches = []
        for place, source in enumerate(sources):
            generator = torch.Generator().manual_seed(seed_of(seed, _POOL, turn, place))
            batches.append(draw(source, _AT_ONCE, generator))
        for row in range(_AT_ONCE):
            for batch in batches:
                names = [batch.names[index] for index in batch.operations[row].tolist()]
                numbers = batch.numbers[row].tolist()
                steps = zip(names, batch.magnitudes[row].tolist(), numbers, strict=True)
                yield View(steps=tuple(_step(*step) for step in steps if _is_shown(step[0])))


def _is_shown(name: str) -> bool:
    return name != "identity" and can_be_viewed(name)


def _step(name: str, magnitude: float, numbers: Sequence[float]) -> ViewStep:
    """A drawn step with rounded numbers, so that files can be read; the rounded ones are what is judged."""
    row = OPERATIONS[name]
    low, high = row.signed_range
    rounded = min(max(round(magnitude, 4), low), high) if row.has_magnitude else 0.0
    return ViewStep(
        operation=name, magnitude=rounded, numbers=tuple(round(number, 4) for number in numbers[: row.numbers])
    )


def sources(spec: str, space: str | None) -> list[Policy]:
    """The policies that candidates are drawn from.

    Args:
        spec: `randaugment`, `space`, a preset's name or a policy file.
        space: the space's name or file; None where there is no search.

    Raises:
        UserError: there is no such policy, or no search whose space it could be.
    """
    if spec == RANDAUGMENT:
        return [_randaugment()]
    if spec == SPACE:
        if space is None:
            raise UserError("--candidates-from space needs the folder of a search, whose space it is: give another")
        return [_alone(arm.policy) for arm in load_space(space).arms(0)]
    return [_alone(named_policy(spec))]


def space_of(run: Path | None) -> str | None:
    """The space that a search was begun with: its copy in the search's folder; None without a search."""
    if run is None:
        return None
    copy = run / "space.toml"
    return str(copy) if copy.exists() else load_config(run / "config.toml").space


def _alone(policy: Policy) -> Policy:
    """What a policy does to single images at the end of the training."""
    needless: dict[str, object] = {"mix": None, "mixture": None, "softening": None, "adaptive": None, "classes": {}}
    return policy.at(1.0).model_copy(update=needless)


def _randaugment() -> Policy:
    """One or two operations of RandAugment's fourteen, at any magnitude of its ranges, half of them after a flip."""
    steps = OneOf(one_of=tuple(Step(operation=name, magnitude=_whole_range(name)) for name in RANDAUGMENT_OPERATIONS))
    flip = Step(operation="flip-horizontal", probability=0.5)
    return Policy(sub_policies=(SubPolicy(steps=(flip, steps)), SubPolicy(steps=(flip, steps, steps))))


def _whole_range(name: str) -> Uniform | None:
    span = OPERATIONS[name].standard
    return None if span is None else Uniform(start=span[0], stop=span[1])
