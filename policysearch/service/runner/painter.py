"""The picture of the best policy so far, drawn beside the search and not in its way."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from policysearch.datasets.dataset import Dataset
from policysearch.policy.policy import Policy

_LOG = logging.getLogger(__name__)
_EVERY_SECONDS = 20.0
_ROWS, _DRAWS, _PAIRS = 4, 5, 3
_PATIENCE = 10.0


class Painter:
    """Draws the policy that it was shown last, at most once in 20 s, in a thread of its own.

    Args:
        target: the picture's file, replaced whole.
        dataset: whose training images are drawn on.
        pairs: whether two views of each image are drawn.
    """

    def __init__(self, target: Path, dataset: Dataset, *, pairs: bool = False) -> None:
        self._target = target
        self._dataset = dataset
        self._pairs = pairs
        self._policy: Policy | None = None
        self._news, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._paint, name="painter", daemon=True)
        self._thread.start()

    def show(self, policy: Policy) -> None:
        """Draw this policy soon, unless it is the one that was shown last."""
        if self._policy is None or policy.hash != self._policy.hash:
            self._policy = policy
            self._news.set()

    def close(self) -> None:
        """Draw what was shown last, and end."""
        self._end.set()
        self._news.set()
        self._thread.join(_PATIENCE)

    def _paint(self) -> None:
        drawn = None
        while not (self._end.is_set() and self._policy is drawn):
            self._news.wait()
            self._news.clear()
            if self._policy is not None and self._policy is not drawn:
                drawn = self._policy
                self._write(drawn)
                self._end.wait(_EVERY_SECONDS)

    def _write(self, policy: Policy) -> None:
        # They load matplotlib and torch's operations.
        from policysearch.datasets.targets.checks import shown_classes
        from policysearch.reports.preview.content import training_content
        from policysearch.reports.preview.figure import preview, write_figure

        data = self._dataset
        rows, draws = min(_ROWS, len(data.x_train)), _PAIRS if self._pairs else _DRAWS
        try:
            train = (data.x_train, *shown_classes(data))
            content = training_content(data)
            figure = preview(policy, *train, rows=rows, draws=draws, pairs=self._pairs, content=content)
            write_figure(figure, self._target)
        except Exception as error:  # a picture is not worth a search
            _LOG.warning("the best policy could not be drawn: %s: %s", type(error).__name__, error)
