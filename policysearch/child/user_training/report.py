"""`report`, by which a training function says how far it is, so that its curve is kept and hopeless pulls stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from policysearch.child.user_training.metrics import checked_point
from policysearch.core.errors import UserError


class Report:
    """Called by a training function after an epoch: `report(epoch, accuracy=0.5, loss=1.2)`, or with a mapping.

    Where the search stops the pull, the call raises, and so does every later one: let it pass through.

    Args:
        epochs: of the training.
        needed: metrics that each call must give.
        follow: called with the curve so far; it raises where the training is to stop.
        title: of the function, as a message begins.

    Attributes:
        curve: a point for each call: its epoch, and its metrics.
        stop: what `follow` has raised; None as long as the training goes on.

    Example:
        >>> report = Report(10, ["accuracy"], lambda curve: None, "train function train")
        >>> report(1, accuracy=0.25)
        >>> report(2, {"accuracy": 0.5})
        >>> report.curve
        [{'epoch': 1, 'accuracy': 0.25}, {'epoch': 2, 'accuracy': 0.5}]
    """

    def __init__(
        self, epochs: int, needed: Sequence[str], follow: Callable[[list[dict[str, float]]], None], title: str
    ) -> None:
        self._epochs = epochs
        self._needed = tuple(needed)
        self._follow = follow
        self._title = title
        self.curve: list[dict[str, float]] = []
        self.stop: BaseException | None = None

    def __call__(self, epoch: int, metrics: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Say how good the network is after an epoch.

        Args:
            epoch: 1 for the first, and more at each call.
            metrics, more: by name, as a training function returns them.

        Raises:
            UserError: the epoch or a metric is none, or what the reward names is missing.
        """
        if self.stop is not None:
            raise self.stop
        last = self.curve[-1]["epoch"] if self.curve else 0
        whole = _whole(epoch)
        if whole is None or not last < whole <= self._epochs:
            raise UserError(
                f"{self._title} reported epoch {epoch!r}: epochs are whole numbers from 1 to {self._epochs}, each "
                f"once and in order{f', and the last was {last}' if last else ''}"
            )
        point = checked_point({**(metrics or {}), **more}, self._needed, whole, self._title)
        self.curve.append({"epoch": whole, **{name: value for name, value in point.items() if name != "epoch"}})
        try:
            self._follow(self.curve)
        except BaseException as stop:
            self.stop = stop
            raise


def _whole(epoch: Any) -> int | None:
    """A whole number, of whatever type; None where it is none."""
    try:
        number = float(epoch)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None
