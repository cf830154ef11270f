"""Rewards: from an outcome's metrics to one number, higher is better."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from policysearch.core.errors import UserError, in_one_line, unknown_name
from policysearch.core.tasks import TASKS
from policysearch.core.user_code import function, must_be_there
from policysearch.study.reward_metrics import METRICS, OpenMetrics, metrics_of_task

_AT_CHECKPOINTS = frozenset({"accuracy", "loss"})
_OF_BASE = frozenset({"affinity", "density_loss"})
_OF_FOLDS = frozenset({"held_out_loss", "held_out_accuracy"})
_FURTHER = ("auroc",)

Reward = Callable[[Mapping[str, object]], float]

LARGEST_REWARD = 1e100
"""Rewards are squared and summed, which must not overflow."""

USABLE = f"a finite number between -{LARGEST_REWARD:g} and {LARGEST_REWARD:g}"
"""What a reward must be, for messages."""

_TERM = re.compile(r"\s*([+-]?)\s*(?:(\d+(?:\.\d*)?|\.\d+)\s*\*\s*)?([a-z_][a-z_0-9]*)\s*")


@dataclass(frozen=True)
class _Sum:
    """A weighted sum of metrics."""

    terms: tuple[tuple[float, str], ...]

    def __call__(self, metrics: Mapping[str, object]) -> float:
        try:
            return math.fsum(weight * float(metrics[name]) for weight, name in self.terms)  # type: ignore[arg-type]
        except KeyError as error:
            raise LookupError(f"{error.args[0]} was not recorded when these pulls were trained") from None


def parse_reward(text: str, metrics: Mapping[str, str] = METRICS) -> Reward:
    """Parse a reward: `accuracy`, `-loss`, `accuracy-0.5*ece`, or `module:function`.

    Args:
        text: the reward.
        metrics: those that it may name.

    Example:
        >>> parse_reward("accuracy-0.5*ece")({"accuracy": 0.75, "ece": 0.5})
        0.5

    Raises:
        UserError: unknown metric (the message suggests the nearest), bad grammar, or a function that cannot be loaded.
    """
    return function(text, f"reward {text!r}") if ":" in text else _sum(text, metrics)


def named_metrics(text: str, metrics: Mapping[str, str] = METRICS) -> tuple[str, ...] | None:
    """The metrics that a reward names; None for a function, which may use all.

    Example:
        >>> named_metrics("accuracy-0.5*top-5")
        ('accuracy', 'top_5')
    """
    return None if ":" in text else tuple(name for _, name in _sum(text, metrics).terms)


def further_metrics(rewards: Sequence[str]) -> tuple[str, ...]:
    """The metrics that children are asked for besides, since they cost more than others: those that a reward may use.

    Example:
        >>> further_metrics(["accuracy", "auroc"]), further_metrics(["-loss"])
        (('auroc',), ())
    """
    return tuple(name for name in _FURTHER if any(":" in text or name in text for text in rewards))


def checkpoint_reward(text: str, metrics: Mapping[str, str] = METRICS) -> Reward:
    """The same reward from a point of a learning curve.

    A point has an accuracy and a loss; in the task of a training function it has what the reward names.

    Args:
        text, metrics: as for `parse_reward`.

    Raises:
        UserError: it takes more than these.
    """
    reward = None if ":" in text else _sum(text, metrics)
    at_checkpoints = metrics if isinstance(metrics, OpenMetrics) else _AT_CHECKPOINTS
    others = [] if reward is None else [name for _, name in reward.terms if name not in at_checkpoints]
    if reward is None or others:
        what = others[0] if others else "your own function"
        raise UserError(f"reward {text!r}: children have accuracy and loss at their checkpoints, but not {what}")
    return reward


def point_value(text: str, metrics: Mapping[str, str] = METRICS) -> Reward:
    """What a dashboard shows of a point of a learning curve: the reward, or the accuracy where it takes more.

    Args:
        text, metrics: as for `parse_reward`.
    """
    try:
        return checkpoint_reward(text, metrics)
    except UserError:
        return parse_reward("accuracy")


def must_be_a_reward(text: str, base: bool = False, folds: bool = False, metrics: Mapping[str, str] = METRICS) -> None:
    """Check a reward without running the user's code.

    Args:
        text: the reward, as for `parse_reward`.
        base: whether children start from a base network, and so have the metrics that it gives.
        folds: whether the networks of folds are judged on held-out images, as by the strategy density.
        metrics: as for `parse_reward`.

    Raises:
        UserError: it is no sum of metrics, names a metric of the base or of folds where there is none, or names
            a module or a file that is not there.
    """
    if ":" in text:
        must_be_there(text.rpartition(":")[0], f"reward {text!r}")
        return
    names = [name for _, name in _sum(text, metrics).terms]
    of_base = [name for name in names if name in _OF_BASE]
    if of_base and not base:
        raise UserError(f"reward {text!r}: {of_base[0]} is measured with a base only: give --base-epochs")
    of_folds = [name for name in names if name in _OF_FOLDS]
    if of_folds and not folds:
        raise UserError(
            f"reward {text!r}: {of_folds[0]} is measured by --strategy density alone, which takes it by itself: leave "
            "--reward out"
        )


def _sum(text: str, metrics: Mapping[str, str]) -> _Sum:
    names = {name for task in TASKS for name in metrics_of_task(task)}
    for name in sorted({*names, *metrics}, key=len, reverse=True):
        text = text.replace(name.replace("_", "-"), name)  # as people write it
    terms: list[tuple[float, str]] = []
    at = 0
    while at < len(text) or not terms:
        match = _TERM.match(text, at)
        if match is None or (terms and not match[1]):
            raise UserError(
                f"reward {text!r} is not a sum of metrics such as accuracy-0.5*ece (see `policysearch rewards`)"
            )
        sign, weight, name = match.groups()
        if name not in metrics:
            raise _unknown_metric(text, name, metrics)
        terms.append((float(weight or 1) * (-1 if sign == "-" else 1), name))
        at = match.end()
    return _Sum(tuple(terms))


def _unknown_metric(text: str, name: str, metrics: Mapping[str, str]) -> UserError:
    """The error for a metric that is not in a table; where another task has it, that task is named."""
    tables = {task: metrics_of_task(task) for task in TASKS}
    task = next((task for task, table in tables.items() if table == metrics), None)
    others = [task for task, table in tables.items() if name in [*table]]
    if task is None or not others:
        return unknown_name("reward metric", name, metrics)
    written = name.replace("_", "-")
    return UserError(
        f"reward {text!r}: {written} is a metric of --task {others[0]}, and the task is {task}, which has "
        f"{', '.join(metrics)}"
    )


def is_usable(value: float) -> bool:
    """Whether a value can be a reward: a number whose square does not overflow."""
    return abs(value) <= LARGEST_REWARD  # not so for nan


def try_reward(text: str, base: bool = False, folds: bool = False, metrics: Mapping[str, str] = METRICS) -> None:
    """Call a reward once, before anything is spent, with metrics of 0.5 and a learning curve of one point.

    Args:
        text: the reward, as for `parse_reward`.
        base, folds, metrics: as for `must_be_a_reward`.

    Raises:
        UserError: the reward raises, gives no usable number, or names a metric of the base or of folds where there
            is none.
    """
    must_be_a_reward(text, base, folds, metrics)
    reward = parse_reward(text, metrics)
    lists = {"curve": [{"epoch": 1, "accuracy": 0.5, "loss": 0.5}], "class_counts": [[1, 2], [1, 2]]}
    values: dict[str, object] = {**dict.fromkeys(metrics, 0.5), **lists}
    if isinstance(metrics, OpenMetrics):
        values = defaultdict(lambda: 0.5, values)
    try:
        value = float(reward(values))
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a user's own function may raise anything
        reason = in_one_line(error)
        raise UserError(f"reward {text!r} fails when it is called with the recorded metrics: {reason}") from None
    if not is_usable(value):
        raise UserError(f"reward {text!r} gives {value} for metrics of 0.5: it must give {USABLE}")
