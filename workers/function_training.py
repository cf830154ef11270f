"""Workers whose pulls call a training function of the user's."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from policysearch.core.trial import Curve, Trial
from policysearch.core.user_code import function, import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import opened
from policysearch.datasets.split import Split, split
from policysearch.policy.policy import Policy
from workers.curves import curve_writer
from workers.evaluate import Evaluate
from workers.stops import at_checkpoint


@dataclass(frozen=True)
class FunctionSetup:
    """Everything a worker must know once in order to call a training function.

    Attributes:
        train: MODULE:FUNCTION or PATH.py:FUNCTION.
        data: a data set's handle, good on this machine, or the data set itself, good on any.
        validation, split_seed: as for `ChildSetup`.
        device: what the function is told.
        needed: metrics that it must return.
        needed_at_points: metrics that it must report, if it reports.
        operations: modules that register operations.
        test: whether it is to be judged on the test part too.
        threads: of torch while it runs; 0 leaves that as it is.
    """

    train: str
    data: str | Dataset
    validation: int | None
    split_seed: int
    device: str
    needed: tuple[str, ...]
    needed_at_points: tuple[str, ...]
    operations: str | None = None
    test: bool = False
    threads: int = 0

    def __call__(self) -> Evaluate:
        import_all(self.operations)
        title = f"train function {self.train}"
        training = function(self.train, title)
        dataset = opened(self.data) if isinstance(self.data, str) else self.data
        sides = split(dataset, self.validation, self.split_seed)
        _let_start_processes()
        return partial(self._evaluate, training, title, dataset, sides)

    def _evaluate(
        self, training: Callable[..., Any], title: str, dataset: Dataset, sides: Split, trial: Trial
    ) -> dict[str, Any]:
        from policysearch.child.user_training.call import FunctionSpec, call_training
        from policysearch.child.user_training.data import data_of_pull

        arrays = partial(data_of_pull, dataset, sides, trial.images, trial.seed, self.test)
        spec = FunctionSpec(
            Policy.from_dict(json.loads(trial.policy)),
            trial.seed,
            trial.images,
            trial.epochs,
            self.device,
            self.test,
            None if dataset.is_absent else arrays,
            self.needed,
            self.needed_at_points,
            partial(_follow, trial, curve_writer(trial)),
        )
        with _threads(self.threads):
            return call_training(training, spec, title)


def _follow(trial: Trial, write: Callable[[Curve], None] | None, curve: Curve) -> None:
    """Show the curve to who watches, and ask whether to go on."""
    if write is not None:
        write(curve)
    at_checkpoint(trial, curve)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many threads; 0 leaves their number as it is."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _let_start_processes() -> None:
    """Allow a worker to start processes, as a DataLoader does; it is killed with its parent all the same."""
    process = multiprocessing.current_process()
    if process.name != "MainProcess":
        process._config["daemon"] = False  # type: ignore[attr-defined]
