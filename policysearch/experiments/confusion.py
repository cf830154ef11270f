"""The confusion by which policies spread targets, measured once before a search begins.

A child without augmentation is trained at the fidelity of a pull, on the training side, and its mistakes on the
validation side are counted. Every policy of the search has these counts, whatever its fidelity, and they are written
into the search's space: a search that is resumed, its record and its exported policy have the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tomli_w

from policysearch.child.confusion_task import confusion_task
from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.policy.presets import preset
from policysearch.policy.softening import Confusion
from policysearch.study.config import SearchConfig
from policysearch.study.controller import Pool

_REPLICATE = 5_000_000  # of no table, search or evaluation
_BY = "identity"


def measured_confusion(config: SearchConfig, pool: Pool, names: Sequence[str]) -> Confusion:
    """Train one child without augmentation, unrecorded, and count what it takes for what on validation.

    Args:
        config: of the search; the child has the images and epochs of a pull, and a seed of its own.
        pool: idle.
        names: of the data's classes, in the order of their labels.

    Returns:
        By the names of the true class and of the predicted one, the number of validation images.

    Raises:
        UserError: the training failed.
    """
    outcome = _trained(config, pool)
    if outcome.error:
        raise UserError(f"the child that measures which classes are confused failed: {outcome.error}")
    counts: Mapping[int, Mapping[int, int]] = outcome.metrics["mistakes"]
    return {names[true]: {names[other]: float(n) for other, n in row.items()} for true, row in counts.items()}


def _trained(config: SearchConfig, pool: Pool) -> Outcome:
    policy, seed = preset(_BY), child_seed(config.seed, _REPLICATE)
    text = policy.to_json(indent=None)
    pool.submit(Trial(0, policy.hash, text, 0, seed, config.images, config.epochs, task=confusion_task()))
    while True:
        for _, outcome in pool.wait(1.0):
            return outcome


def with_confusion_table(text: str, confusion: Confusion, config: SearchConfig) -> str:
    """The text of a space with what was measured at its end.

    Args:
        text: of the space.
        confusion: by names of classes.
        config: of the search.
    """
    rows = {true: {other: int(n) for other, n in row.items()} for true, row in confusion.items()}
    about = (
        "# Measured before the first pull: the validation images that a child without augmentation "
        f"({config.images} images, {config.epochs} epochs) took for another class."
    )
    return f"{text.rstrip()}\n\n{about}\n{tomli_w.dumps({'confusion': rows}) or '[confusion]'}"
