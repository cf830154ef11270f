"""One pull of a training function: called with its arguments, and what it returns or raises made plain."""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Any

import torch

from policysearch.child.training_spec import ChildError, Metrics
from policysearch.child.user_training.arguments import names_of_arguments
from policysearch.child.user_training.data import TrainingData
from policysearch.child.user_training.metrics import checked_metrics
from policysearch.child.user_training.process_state import is_ctrl_c, seeded, settings_kept, without_forks
from policysearch.child.user_training.report import Report
from policysearch.core.errors import UserError, in_one_line
from policysearch.policy.policy import Policy


@dataclass(frozen=True)
class FunctionSpec:
    """What a training function is called for.

    Attributes:
        policy, seed, images, epochs, device, test: its arguments of these names.
        data: makes its argument of that name; None where the search has no data.
        needed: metrics that it must return.
        needed_at_points: metrics that it must report, if it reports.
        follow: called with the curve at each report; it raises where the training is to stop.
    """

    policy: Policy
    seed: int
    images: int
    epochs: int
    device: str = "cpu"
    test: bool = False
    data: Callable[[], TrainingData] | None = None
    needed: tuple[str, ...] = ("accuracy",)
    needed_at_points: tuple[str, ...] = ("accuracy",)
    follow: Callable[[list[dict[str, float]]], None] = lambda curve: None


def call_training(function: Callable[..., Any], spec: FunctionSpec, title: str) -> Metrics:
    """Call a training function once.

    The global generators of Python, NumPy and torch are seeded before. Afterwards they are put back, and so are the
    current folder and torch's modes of gradients and default type.

    Args:
        function: of the user's.
        spec: what for.
        title: of the function, as a message begins.

    Returns:
        Its metrics; curve, a point for each report and one at the end; seconds and cpu_seconds that it took;
        trained_epochs.

    Raises:
        ChildError: it raised, or returned or reported what is none; the message is a sentence.
        Exception: what stops the training at a report.
    """
    report = Report(spec.epochs, spec.needed_at_points, spec.follow, title)
    names = names_of_arguments(function, title)
    arguments = {name: value for name, value in _arguments(spec, report, names).items() if name in names}
    started, processor = time.perf_counter(), time.process_time()
    with without_forks(), settings_kept(), seeded(spec.seed):
        returned = _returned(function, arguments, report, title)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - processor
    try:
        metrics = checked_metrics(returned, spec.needed, title)
    except UserError as error:
        raise ChildError(str(error)) from None
    _free()
    return {
        **metrics,
        "curve": _whole_curve(report.curve, metrics, spec),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "trained_epochs": spec.epochs,
        "continued_from": 0,
    }


def _arguments(spec: FunctionSpec, report: Report, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: getattr(spec, name) for name in ("policy", "seed", "images", "epochs", "device", "test")},
        "report": report,
        "data": spec.data() if spec.data and "data" in names else None,
    }


def _returned(function: Callable[..., Any], arguments: dict[str, Any], report: Report, title: str) -> Any:
    """What the function returns; a stop goes first, whatever the function makes of it."""
    try:
        returned = function(**arguments)
    except BaseException as error:  # whatever it is, it is the end of this pull and not of the worker
        if report.stop is not None:
            raise report.stop from None
        if is_ctrl_c(error):
            raise
        if isinstance(error, UserError):
            text = str(error)
            raise ChildError(text if text.startswith(title) else f"{title}: {text}") from None
        raise ChildError(f"{title} failed: {in_one_line(error)}{_place(error, function)}") from None
    if report.stop is not None:
        raise report.stop
    return returned


def _place(error: BaseException, function: Callable[..., Any]) -> str:
    """The last line of the function's own file that an error came through, as a clause."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = [frame for frame in extract_tb(error.__traceback__) if code and frame.filename == code.co_filename]
    return f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""


def _whole_curve(
    curve: list[dict[str, float]], metrics: dict[str, float], spec: FunctionSpec
) -> list[dict[str, float]]:
    """The curve with its end, where the function has not reported that."""
    if curve and curve[-1]["epoch"] == spec.epochs:
        return curve
    names = (*spec.needed_at_points, "accuracy", "loss")
    end = {name: metrics[name] for name in dict.fromkeys(names) if name in metrics}
    return [*curve, {"epoch": spec.epochs, **end}]


def _free() -> None:
    """Networks and optimisers refer to each other in circles, and would wait for a later collection."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
