"""What a training function returns or reports, checked: numbers by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.trial import TRIAL_COLUMNS

_SHARES = ("accuracy", "test_accuracy")
_MEASURED = frozenset({"seconds", "cpu_seconds", "trained_epochs", "continued_from", "checkpoint", "checkpoint_lost"})
"""Names of what is measured or kept here."""
_LISTS = frozenset({"curve", "class_counts", "reliability"})
_TAKEN = {
    _MEASURED: "is measured by the search",
    _LISTS: "is no number",
    frozenset(TRIAL_COLUMNS): "is a column of trials.csv that says something else",
}
"""Names that metrics cannot have, with why not."""


def checked_metrics(returned: Any, needed: Sequence[str], title: str) -> dict[str, float]:
    """The metrics that a training function has returned.

    Args:
        returned: a mapping of names to numbers, or one number, which is the accuracy. Numbers may be NumPy's, or
            tensors of one element.
        needed: names that must be there.
        title: of the function, as a message begins.

    Raises:
        UserError: something else was returned, a value is no finite number, or one that is needed is missing.

    Example:
        >>> checked_metrics({"accuracy": 1, "loss": 0.25}, ["accuracy"], "train function train")
        {'accuracy': 1.0, 'loss': 0.25}
        >>> checked_metrics(0.5, ["accuracy"], "train function train")
        {'accuracy': 0.5}
    """
    if not isinstance(returned, Mapping):
        if returned is None or isinstance(returned, str | bytes) or not hasattr(returned, "__float__"):
            raise UserError(
                f"{title} returned {_described(returned)}, and must return metrics by name, as "
                '{"accuracy": 0.91}, or the accuracy alone'
            )
        return checked_metrics({"accuracy": returned}, needed, title)
    return _checked(returned, needed, f"{title} returned")


def checked_point(values: Mapping[Any, Any], needed: Sequence[str], epoch: int, title: str) -> dict[str, float]:
    """The metrics that a training function has reported after an epoch; arguments and errors as `checked_metrics`."""
    return _checked(values, needed, f"{title} reported, after epoch {epoch},")


def _checked(values: Mapping[Any, Any], needed: Sequence[str], beginning: str) -> dict[str, float]:
    metrics = {_name(name, beginning): _number(name, value, beginning) for name, value in values.items()}
    missing = [name for name in needed if name not in metrics]
    if missing:
        others = ", ".join(metrics) or "nothing"
        raise UserError(f"{beginning} no {' and no '.join(missing)}, which the search needs; there is {others}")
    for name in _SHARES:
        if not 0 <= metrics.get(name, 0.0) <= 1:
            raise UserError(
                f"{beginning} {name} = {metrics[name]:g}, and it is a share in [0, 1]: divide percents by 100, or "
                "return it by another name and give that as reward"
            )
    return metrics


def _name(name: Any, beginning: str) -> str:
    if not isinstance(name, str):
        raise UserError(f"{beginning} a metric called {name!r}, and names are texts")
    if not name.strip():
        raise UserError(f"{beginning} a metric without a name")
    for names, what in _TAKEN.items():
        if name in names:
            raise UserError(f"{beginning} {name!r}, which {what}: leave it out, or call it otherwise")
    return name


def _number(name: Any, value: Any, beginning: str) -> float:
    value = value.detach() if hasattr(value, "detach") else value  # a loss that still has its graph
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except Exception:  # a value of the user's may raise anything; a whole number may be too large
        number = math.nan
        text = _described(value)
    else:
        text = _described(value) if isinstance(value, str | bytes) else f"{number}"
    if not math.isfinite(number):
        raise UserError(f"{beginning} {name} = {text}, and metrics are finite numbers")
    return number


def _described(value: Any) -> str:
    """A value in a message: its text where that is short, and its type."""
    if value is None:
        return "None"
    text = " ".join(repr(value).split())
    return f"{text[:60]} ({type(value).__name__})" if len(text) <= 60 else type(value).__name__
