"""Searches that call a training function of the user's: where it is, what it needs, and what it must return."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from policysearch.child.user_training.arguments import names_of_arguments
from policysearch.core.errors import UserError
from policysearch.core.tasks import OWN_TRAINING
from policysearch.core.user_code import function, must_be_there
from policysearch.datasets.array_file import GROUPS, file_of_arrays
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.apart import is_light
from policysearch.experiments.shipped_code import is_installed
from policysearch.study.config import SearchConfig
from policysearch.study.ladder import ladder
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import named_metrics
from policysearch.study.settings import ChildSettings
from workers.errand import run_errand

_OF_TEST = ("accuracy", "test_accuracy")
"""What an evaluation needs of every network."""
_FALLBACK = ("accuracy",)
"""What a reward that is a function may be expected to use."""


def spec_of(train: Callable[..., Any] | str) -> str:
    """Where a training function is: PATH.py:NAME in a script, MODULE:NAME in a module, __main__:NAME in a notebook.

    Args:
        train: a function, or such a text.

    Raises:
        UserError: it is no function that workers, or a search that is resumed, could find by its name.

    Example:
        >>> spec_of("mine.py:train")
        'mine.py:train'
    """
    if isinstance(train, str):
        return train
    name, module = getattr(train, "__qualname__", None), getattr(train, "__module__", None)
    main = sys.modules.get(str(module))
    if not callable(train) or name is None or main is None or getattr(main, name, None) is not train:
        described = name or type(train).__name__
        raise UserError(
            f"train must be a function that a module or script defines at its top, got {described}: workers and "
            "`resume` find it by its name there; what else it needs may have defaults"
        )
    spec, file = getattr(main, "__spec__", None), Path(str(getattr(main, "__file__", None))).resolve()
    if module == "__main__" and spec is not None and spec.name != "__main__":  # python -m package.script
        return f"{spec.name}:{name}"
    # By its path it is found wherever the search is resumed, and on other machines.
    by_path = file.suffix == ".py" and file.is_file() and "." not in str(module) and not is_installed(file)
    return f"{file}:{name}" if by_path else f"{module}:{name}"


def title_of_function(train: str) -> str:
    """What a training function is called in messages."""
    return f"train function {train}"


def must_name_a_training(config: SearchConfig) -> None:
    """Check that a training function and its task go together, without running its code.

    Raises:
        UserError: one of them is there without the other, or there is no such module or file.
    """
    if config.train is None:
        if config.task == OWN_TRAINING:
            raise UserError(
                f"--task {OWN_TRAINING} calls a function of yours: give --train MODULE:FUNCTION or PATH.py:FUNCTION"
            )
        return
    if config.task != OWN_TRAINING:
        raise UserError(
            f"--train {config.train} calls a function of yours, and --task {config.task} does not: leave --task out"
        )
    module, colon, name = config.train.rpartition(":")
    if not (colon and module and name):
        raise UserError(f"--train takes MODULE:FUNCTION or PATH.py:FUNCTION, got {config.train!r}")
    if module == "__main__" and config.pool == "ray":
        raise UserError(
            f"workers of Ray cannot import {name}, which is only defined in a notebook or console: write it into a "
            f"file such as mine.py, and give train='mine.py:{name}'"
        )
    must_be_there(module, title_of_function(config.train))


def function_must_suit(config: SearchConfig, dataset: Dataset) -> None:
    """Check that a training function takes what the search needs it to take; the function is not called.

    Raises:
        UserError: it cannot be loaded, or lacks an argument.
    """
    title, (names, required) = title_of_function(str(config.train)), arguments_of(config)
    if "data" in required and dataset.is_absent:
        raise UserError(f"{title} takes data, and the search has none: give --data, or let it read its images itself")
    if "data" not in names and not dataset.is_absent:
        raise UserError(
            f"{title} does not take data, and --data {config.data} is given: name one of its parameters so, or leave "
            "--data out"
        )
    if config.prune and "report" not in names:
        raise UserError(
            f"--prune {config.prune} stops pulls where they report, and {title} takes no report: name one of its "
            "parameters so and call report(epoch, accuracy=...) after each epoch, or leave --prune out"
        )
    if len(ladder(config)) > 1 and "images" not in names:
        raise UserError(
            f"strategy {config.strategy} begins with fewer images, and {title} does not take their number: name one of "
            "its parameters images, or take another strategy"
        )


def must_take_test(config: SearchConfig) -> None:
    """Check that the networks of a training function can be judged on a test part.

    Raises:
        UserError: the function does not take `test`.
    """
    if "test" not in arguments_of(config)[0]:
        raise UserError(
            f"evaluate needs the test part, and {title_of_function(str(config.train))} does not take test: name one of "
            "its parameters so, and return test_accuracy where it is true"
        )


def arguments_of(config: ChildSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the arguments that the training function of a config takes, and those that have no default."""
    spec = str(config.train)
    return run_errand(_arguments, spec) if is_light(config) else _arguments(spec)


def _arguments(spec: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    title = title_of_function(spec)
    training = function(spec, title)
    names = names_of_arguments(training, title)
    parameters = inspect.signature(training).parameters
    return names, tuple(name for name in names if name in parameters and parameters[name].default is inspect._empty)


def needed_metrics(config: ChildSettings, test: bool) -> tuple[str, ...]:
    """The metrics that a training function must return.

    Args:
        config: of the experiment, with its rewards if it has any.
        test: whether networks are judged on the test part.
    """
    if test:
        return _OF_TEST
    rewards = [getattr(config, name, None) for name in ("reward", "confirm_reward")]
    return tuple(dict.fromkeys(name for text in rewards if text for name in _named(text, config.task, ())))


def needed_at_points(config: ChildSettings) -> tuple[str, ...]:
    """The metrics that a training function must report, where it reports."""
    return _named(getattr(config, "reward", None) or "accuracy", config.task, _FALLBACK)


def _named(reward: str, task: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """The metrics that a reward names but for those that are measured here; `others` where it is a function."""
    names = named_metrics(reward, metrics_of_task(task))
    return others if names is None else tuple(name for name in names if name not in ("seconds", "cpu_seconds"))


def settings_with(config: SearchConfig | None, train: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a search: those that a config sets, over these the keywords of a call.

    Args:
        config: or None.
        train: a training function, where it is named; or None.
        settings: by name.
    """
    values = {} if config is None else {name: getattr(config, name) for name in config.model_fields_set}
    values |= {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    if train is not None:
        values["train"] = spec_of(train)
    if not isinstance(values.get("data", ""), str | Path):
        arrays = values["data"]
        values["data"] = str(file_of_arrays(arrays))
        if isinstance(arrays, Dataset) and arrays.groups is not None:
            values.setdefault("group", GROUPS)
    return values
