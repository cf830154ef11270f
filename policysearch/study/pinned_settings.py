"""Settings that a run is held to: pulls of other settings are not mixed into its study.

A study keeps them in its attribute `settings` from its first trial on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policysearch.child.fine_tuning.start import Start
from policysearch.child.network_registry import USER_DEFINED, network_row
from policysearch.core.settings import Mark
from policysearch.core.user_code import digest, function_digest, training_digest
from policysearch.rules import RULES
from policysearch.rules.registry import own_rule_named
from policysearch.study.config import SearchConfig, save_config
from policysearch.study.density_settings import DENSITY
from policysearch.study.ladder import uses_fidelities
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.run_folder import RunFolder
from policysearch.study.storage import without_password

PINNED = SearchConfig.setting_names(Mark.FIXED, Mark.FIXED_IF_USED)
"""Settings that a run cannot change once it has begun."""
_ATTRIBUTE = "settings"
_WEIGHTS = "the weights"
_LONGEST = 120
_HASHED = frozenset(
    {
        *("operations", "the model's source", _WEIGHTS, "the train function's source", "the strategy's source"),
        *("data", "space.toml"),
    }
)
_SOURCE_BUILT_IN = ("optuna", DENSITY, *RULES)


@dataclass(frozen=True)
class Change:
    """A setting whose value is another than when an experiment began."""

    name: str
    value: Any
    pinned: Any

    def since(self, kind: str) -> str:
        """As a clause, such as "images is 40, was 30 when the search began"; hashes and long values are not shown."""
        shown = self.name not in _HASHED and len(f"{self.value!r}{self.pinned!r}") <= _LONGEST
        if shown:
            return f"{self.name} is {self.value!r}, was {self.pinned!r} when the {kind} began"
        return f"{self.name} changed since the {kind} began"


def first_change(pinned: Mapping[str, Any], settings: Mapping[str, Any]) -> Change | None:
    """The first of `settings` that is pinned at another value, within tables too; None if all are as they were."""
    for name, value in settings.items():
        before = pinned.get(name)
        if before == value:
            continue
        inner = first_change(before, value) if isinstance(before, dict) and isinstance(value, dict) else None
        return Change(f"{name}.{inner.name}", inner.value, inner.pinned) if inner else Change(name, value, before)
    return None


def pin(store: OptunaTrialStore, settings: Mapping[str, Any]) -> Change | None:
    """Pin a study that has no settings yet to these; otherwise return the first that differs from those it has."""
    if _ATTRIBUTE not in store.notes:
        store.note(_ATTRIBUTE, dict(settings))
        return None
    # A study of an earlier version knows nothing of settings that came later: it was begun with their defaults.
    defaults = SearchConfig().model_dump(mode="json", include={*PINNED})
    return first_change(defaults | store.notes[_ATTRIBUTE], settings)


def pinned_data(store: OptunaTrialStore) -> str:
    """The digest of the data that a study was begun with; empty where it is not known."""
    return str(store.notes.get(_ATTRIBUTE, {}).get("data", ""))


def pinned_weights(store: OptunaTrialStore) -> str:
    """The digest of the weights that a study's networks begin with; empty where there are none, or it is not known."""
    return store.notes.get(_ATTRIBUTE, {}).get(_WEIGHTS) or ""


def training_settings(config: SearchConfig, data: str, names: Iterable[str]) -> dict[str, Any]:
    """What an outcome depends on: these settings, the data, the weights, and the sources of the user's code.

    Args:
        config: whose operations have been imported and whose network has been built.
        data: the data set's digest.
        names: settings of the config.
    """
    settings = config.model_dump(mode="json", include=set(names))
    start = Start.of(config.weights)
    sources = {
        "operations": digest(config.operations),
        "the model's source": _model_digest(config.model),
        _WEIGHTS: start and start.digest,
    }
    if config.train is not None:
        sources["the train function's source"] = training_digest(config.train)
    return {**settings, **sources, "data": data}


def search_settings(config: SearchConfig, folder: RunFolder, data: str) -> dict[str, Any]:
    """What the pulls of a search depend on: what an outcome depends on, the space and the source of the user's rule."""
    settings = training_settings(config, data, SearchConfig.setting_names(Mark.FIXED))
    if uses_fidelities(config.strategy):
        settings |= config.setting_values(Mark.FIXED_IF_USED)
    settings["space.toml"] = hashlib.sha256(folder.space.read_bytes()).hexdigest()
    if own_rule_named(config.strategy) and config.strategy.partition(":")[0] not in _SOURCE_BUILT_IN:
        settings["the strategy's source"] = function_digest(config.strategy)
    return settings


def save_settings(config: SearchConfig, folder: RunFolder) -> None:
    """Write config.toml, without the storage's password: folders of runs are handed on."""
    storage = config.storage and without_password(config.storage)
    save_config(config.model_copy(update={"storage": storage}), folder.config)


def _model_digest(model: str) -> str | None:
    """A hash of the source of the user's own network; None for any other."""
    return function_digest(model) if network_row(model) is USER_DEFINED else None
