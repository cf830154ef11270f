"""The policy of a search's winner, with where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from policysearch.child.network_names import weights_by_name
from policysearch.core.jsonable import plain
from policysearch.core.version import __version__
from policysearch.experiments.search.verdict import WinnerVerdict
from policysearch.policy.class_names import class_keys
from policysearch.policy.policy import Policy
from policysearch.policy.target_preservation import KEEPS
from policysearch.stats.paired import Paired
from policysearch.study.config import SearchConfig


def final_policy(
    config: SearchConfig,
    verdict: WinnerVerdict,
    warned: Sequence[str] = (),
    classes: Sequence[str] = (),
    keeps: Sequence[str] | None = None,
) -> Policy:
    """The winner with where it came from, and in `about` the loss it was trained with (None: the recipe's).

    Where the policy calls classes, `about` names all of them in the order of their labels, so that it can be exported;
    and where the space says which steps keep numbers, these, so that it can be evaluated.

    Differences in `about` are in the reward's own unit: fractions, where it is accuracy.
    """
    differences = {name: _in_json(pair) for name, pair in verdict.differences.items()}
    lead = verdict.margin
    about = {
        "date": date.today().isoformat(),
        "policysearch": __version__,
        "study": config.study,
        "task": config.task,
        "data": config.data,
        **({"model": config.model} if config.train is None else {"train": config.train}),
        **weights_by_name(config.weights),
        "space": config.space,
        "strategy": config.strategy,
        "reward": config.reward,
        "images": config.images,
        "epochs": config.epochs,
        "confirmed_at": dict(zip(("images", "epochs"), config.last_fidelity, strict=True)),
        "confirmed_by": config.last_reward,
        "calibrated": config.calibrated,
        "seed": config.seed,
        "confirmed": verdict.confirmed,
        "paired_difference_to": differences,
        "lead_over_best_fixed": {"policy": lead.other, **_in_json(lead)} if lead else None,
        "verdict": verdict.sentence,
        "finding": verdict.finding,
        "use": verdict.use,
        "warnings": list(warned),
        "loss": verdict.winner.loss.model_dump() if verdict.winner.loss else None,
    }
    if classes and class_keys(verdict.winner.policy):
        about["classes"] = list(classes)
    if keeps is not None:
        about[KEEPS] = list(keeps)
    return verdict.winner.policy.model_copy(update={"name": verdict.winner.name, "about": about})


def _in_json(pair: Paired) -> dict[str, Any]:
    values: dict[str, Any] = plain({**asdict(pair.difference), "standard_error": pair.error, "n": pair.n})
    return values
