"""From a request to the settings that its job is run with, and to those that its owner may download."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from policysearch.core.files import joined, write_whole
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.service.ids import is_id
from policysearch.service.request_models.taken import ABOUT
from policysearch.service.requests.context import RequestContext
from policysearch.service.requests.job_ids import ids_in
from policysearch.service.requests.plugins import code_of, files_of
from policysearch.service.requests.space_text import is_text
from policysearch.study.config import SearchConfig, make_config

_SPACE = "space.toml"
_RESULT = "run"

_GROUPS: Mapping[str, tuple[str, type[CalibrateSettings] | type[EvaluateSettings]]] = MappingProxyType(
    {"calibrate": ("calibration", CalibrateSettings), "evaluate": ("evaluation", EvaluateSettings)}
)
"""What the settings of a kind's own are called in job.json, and their group."""


def settings_of(
    kind: str,
    request: Mapping[str, Any],
    context: RequestContext,
    folder: Path,
    workers: int,
    place: Mapping[str, Any],
) -> dict[str, Any]:
    """The settings of a job that starts, as its runner takes them.

    A space that was sent as text is written to the folder.

    Args:
        kind: of job.
        request: as `request_of` gave it.
        context: where what it names is, for the person whose job it is.
        folder: the job's.
        workers: how many it was given.
        place: settings of the place, as `device`, `pool` or `ray_address`.

    Returns:
        `training`, values of `SearchConfig` by name; for a calibration `calibration` too, for an evaluation
            `evaluation` and `policy`; of all only what differs from the defaults. And `names`: what the request called
            the files that stand in the others, by their paths.

    Raises:
        UserError: what it names is not there any more.
    """
    fields = {name: value for name, value in request.items() if name not in ABOUT and value is not None}
    named = fields
    fields = {name: _resolved(name, value, context, folder) for name, value in fields.items()}
    others = _MEANINGS.keys() - {"space"}  # whose text is no name
    settings: dict[str, Any] = {
        "names": {fields[name]: text for name, text in named.items() if name in others and fields[name] != text}
    }
    if kind in _GROUPS:
        title, group = _GROUPS[kind]
        settings[title] = {name: fields.pop(name) for name in group.model_fields if name in fields}
    if "policy" in fields:
        settings["policy"] = fields.pop("policy")
    settings["training"] = {**fields, "workers": workers, "out": str(folder / _RESULT), **place}
    return settings


def _resolved(name: str, value: Any, context: RequestContext, folder: Path) -> Any:
    """What a field means where the job runs."""
    resolve = _MEANINGS.get(name)
    return resolve(value, context, folder) if resolve else value


def _data(name: str, context: RequestContext, folder: Path) -> str:
    return context.data_path(name)


def _space(space: str, context: RequestContext, folder: Path) -> str:
    if not is_text(space):
        return space
    write_whole(folder / _SPACE, space)
    return str(folder / _SPACE)


def _code(text: str, context: RequestContext, folder: Path) -> str:
    return code_of(text, context.plugins)


def _rewards(text: str, context: RequestContext, folder: Path) -> str:
    return ",".join(code_of(reward.strip(), context.plugins) for reward in text.split(","))


def _operations(text: str, context: RequestContext, folder: Path) -> str:
    return files_of(text, context.plugins)


def _calibrated(job: str, context: RequestContext, folder: Path) -> str:
    return str(context.result_of(job, "calibrate"))


def _policy(text: str, context: RequestContext, folder: Path) -> str:
    return str(context.result_of(text, "search")) if is_id(text) else text


def _also(text: str, context: RequestContext, folder: Path) -> str:
    return joined([str(context.result_of(job, "search")) for job in ids_in(text)])


_MEANINGS: Mapping[str, Callable[[Any, RequestContext, Path], Any]] = MappingProxyType(
    {
        "data": _data,
        "space": _space,
        "strategy": _code,
        "model": _code,
        "reward": _code,
        "confirm_reward": _code,
        "rewards": _rewards,
        "operations": _operations,
        "calibrated": _calibrated,
        "policy": _policy,
        "also": _also,
    }
)
"""What a field means, where that is not its text: a path of the server's, which no request can say."""


def shared_settings(config: SearchConfig, request: Mapping[str, Any]) -> str:
    """The resolved settings of a job as TOML, without any path, host or secret of the server's.

    What the request named stands as it was named there; `policysearch search --config` takes the file where the names
    mean something.

    Args:
        config: the run's, as its `config.toml` has it.
        request: as `request_of` gave it.
    """
    fields = config.model_dump(mode="json", exclude_none=True, exclude=_PLACES)
    usual = make_config({"task": config.task, "strategy": config.strategy})
    for name in _MEANINGS:
        if name in fields:
            fields[name] = request.get(name, getattr(usual, name))
    return tomli_w.dumps({name: value for name, value in fields.items() if value is not None})


_PLACES = {
    *("out", "storage", "study", "data_root", "download", "pool", "ray_address", "ray_wait", "tensorboard"),
    *("checkpoint_every", "checkpoint_limit"),
}
"""Settings that say where a job was run, and nothing of what was run."""
