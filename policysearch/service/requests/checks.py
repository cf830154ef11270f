"""What the settings of a request must name, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from policysearch.child.network_names import must_suit_task
from policysearch.core.errors import UserError, unknown_name
from policysearch.core.tasks import CLASSIFICATION, task_named
from policysearch.datasets.config import DataSettings
from policysearch.datasets.registry import SHIPPED, shipped_must_suit
from policysearch.experiments.evaluation.settings import GRID, EvaluateSettings
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.task_checks import policy_must_suit_task
from policysearch.policy.presets import PRESETS, preset
from policysearch.service.ids import is_id
from policysearch.service.requests import networks, strategy
from policysearch.service.requests.context import RequestContext
from policysearch.service.requests.job_ids import ids_in
from policysearch.service.requests.plugins import is_of_plugin, must_be_in_plugin, must_be_plugins
from policysearch.service.requests.space_text import must_be_a_product, must_be_a_space
from policysearch.study.additive.settings import NAME as ADDITIVE
from policysearch.study.by_factor.settings import NAME as BY_FACTOR
from policysearch.study.config import SearchConfig
from policysearch.study.config import validated as validated_group
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import try_reward
from policysearch.study.search_defaults import with_defaults_of_search

_COLUMN = re.compile(r"\w[\w -]{0,99}")
"""Names of columns that `group` may give: no dot and no slash, so that none is a file's path."""


@dataclass(frozen=True)
class Request:
    """The fields of a request that are of the right types, and what they may name.

    Attributes:
        fields: by name.
        context: what they may name.
        refused: fields that are left out of these, since they are wrong.
    """

    fields: Mapping[str, Any]
    context: RequestContext
    refused: frozenset[str] = frozenset()

    @property
    def base(self) -> bool:
        """Whether children start from a base network, which some rewards need."""
        return bool(self.fields.get("recipe", {}).get("base_epochs", 0))

    @property
    def task(self) -> str:
        """What children learn."""
        return str(self.fields.get("task", CLASSIFICATION))

    @property
    def known_task(self) -> str | None:
        """The same; None where it is wrong, or is that of the search that is evaluated."""
        return None if "task" in self.refused or is_id(str(self.fields.get("policy", ""))) else self.task

    @property
    def left_open(self) -> dict[str, str]:
        """The data and the space that a task other than classification has where the request leaves them open.

        Not every task suits the data and the space that are usual.
        """
        if self.known_task in (None, CLASSIFICATION):
            return {}
        names = ("data",) if "policy" in self.fields else ("data", "space")  # only a search has a space
        data = SearchConfig.model_fields["data"].default
        usual = {"data": data, **task_named(self.task).defaults, "space": self.space}
        missing = [name for name in names if name not in self.fields and name not in self.refused]
        return {name: str(usual[name]) for name in missing}

    @property
    def space(self) -> str:
        """The space, where it is left open as the task has it; empty where that is not known."""
        if self.known_task is None or "space" in self.refused:
            return ""
        said = {**task_named(self.task).defaults, **self.fields}
        return str(with_defaults_of_search(SearchConfig, said)["space"])


def _data(name: str, request: Request) -> None:
    request.context.data_path(name)
    if name in SHIPPED and request.known_task:
        shipped_must_suit(name, task_named(request.known_task).needs)


def _group(text: str, request: Request) -> None:
    if not _COLUMN.fullmatch(text):
        raise UserError(f"group is near, or the name of a column of the data; paths are not taken, got {text!r}")


def _resize(value: str | int, request: Request) -> None:
    validated_group(DataSettings, {"resize": value}, "resize")


def _space(text: str, request: Request) -> None:
    own_operations = bool(request.fields.get("operations"))
    must_be_a_space(text, request.context.limits.arms, own_operations, request.known_task)


def _strategy(text: str, request: Request) -> None:
    strategy.must_be_listed(text, request.context.plugins)
    name = text.partition(":")[0]
    if name in (ADDITIVE, BY_FACTOR):
        must_be_a_product(request.space, f"strategy {name}")


def _ablate(replicates: int, request: Request) -> None:
    if replicates:
        must_be_a_product(request.space, "ablate")


def _model(name: str, request: Request) -> None:
    if is_of_plugin(name, request.context.plugins):
        must_be_in_plugin(name, request.context.plugins)
    else:
        networks.must_be_listed(name)
        if request.known_task:
            must_suit_task(name, request.known_task)


def _operations(text: str, request: Request) -> None:
    must_be_plugins(text, request.context.plugins)


def _reward(text: str, request: Request) -> None:
    if is_of_plugin(text, request.context.plugins):
        must_be_in_plugin(text, request.context.plugins)
    elif ":" in text:
        raise UserError(
            f"reward {text!r} is no sum of metrics such as accuracy-0.5*ece, nor PLUGIN:FUNCTION of a plugin that the "
            "operator has set up"
        )
    else:
        try_reward(text, request.base, metrics=metrics_of_task(request.task))


def _rewards(text: str, request: Request) -> None:
    for reward in text.split(","):
        _reward(reward.strip(), request)


def _fidelity(text: str, request: Request) -> None:
    limits = request.context.limits
    for part in text.split(","):
        fidelity = Fidelity.parse(part)
        if fidelity.images > limits.images or fidelity.epochs > limits.epochs:
            raise UserError(f"{fidelity} is more than a pull may be here, {limits.images}x{limits.epochs}")


def _calibrated(job: str, request: Request) -> None:
    request.context.result_of(job, "calibrate")


def _policy(text: str, request: Request) -> None:
    if is_id(text):
        request.context.result_of(text, "search")
    elif text.partition(":")[0].removeprefix("flip+") not in PRESETS:
        raise unknown_name("policy", text, ["the id of a search that is done", *PRESETS])
    else:
        _preset(text, request)


def _preset(name: str, request: Request) -> None:
    policy = preset(name)
    if request.known_task:
        policy_must_suit_task(request.known_task, policy)


def _also(text: str, request: Request) -> None:
    for job in ids_in(text):
        request.context.result_of(job, "search")


def _against(text: str, request: Request) -> None:
    for name in EvaluateSettings(against=text).fixed:
        _preset(name, request)


def _equal_cost(text: str, request: Request) -> None:
    if EvaluateSettings(equal_cost=text).trainings is None and not is_id(str(request.fields.get("policy", ""))):
        raise UserError("auto counts the trainings of a search: give the id of one as policy, or a number")


def _prune(text: str, request: Request) -> None:
    # It loads Optuna, which the server does without until somebody wants a pruner.
    from policysearch.study.pruning.registry import must_name_a_pruner

    must_name_a_pruner(text)


def _grid(name: str) -> Callable[[str, Request], None]:
    def check(text: str, request: Request) -> None:
        settings = EvaluateSettings(against=GRID).model_copy(update={name: text})
        for level in settings.grid:
            preset(level)

    return check


CHECKS: Mapping[str, Callable[[Any, Request], None]] = MappingProxyType(
    {
        "data": _data,
        "group": _group,
        "resize": _resize,
        "space": _space,
        "strategy": _strategy,
        "ablate": _ablate,
        "model": _model,
        "operations": _operations,
        "prune": _prune,
        "reward": _reward,
        "confirm_reward": _reward,
        "rewards": _rewards,
        "long": _fidelity,
        "ladder": _fidelity,
        "calibrated": _calibrated,
        "policy": _policy,
        "also": _also,
        "against": _against,
        "equal_cost": _equal_cost,
        "grid_n": _grid("grid_n"),
        "grid_m": _grid("grid_m"),
    }
)
"""What is checked of a field besides its type and range; each check raises UserError."""
