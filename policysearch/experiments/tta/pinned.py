"""What a search of a test-time policy is held to: its networks, its choice, and its entry in the ledgers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import tomli_w

from policysearch.child.network_names import weights_by_name
from policysearch.core.seeds import child_seed
from policysearch.core.settings import settings_of
from policysearch.experiments.continuation import changed_settings, note_seeds
from policysearch.experiments.evaluation.ledger import Looks
from policysearch.experiments.evaluation.pinned import enter, network_settings
from policysearch.experiments.tta.choice import Choice
from policysearch.experiments.tta.prepare import Prepared
from policysearch.experiments.tta.subject import MARK
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pinned_settings import pin
from policysearch.study.rows import Row


def mark(prepared: Prepared, result: str) -> None:
    """Write what a test-time policy is searched for into the folder."""
    text = tomli_w.dumps({"result": result, **prepared.settings.model_dump(exclude_none=True)})
    (prepared.folder.path / MARK).write_text(text, encoding="utf-8")


def pin_networks(store: OptunaTrialStore, prepared: Prepared) -> None:
    """Store what the networks depend on; when the search is continued, check that nothing has changed.

    Raises:
        UserError: a setting differs, or there are fewer seeds.
    """
    networks = network_settings(prepared.config, prepared.dataset)
    change = pin(store, {"policy": prepared.entrant.arm.key, **networks})
    if change:
        raise changed_settings(prepared.folder, change, "test-time search", "give what it was begun with")
    note_seeds(store, prepared.settings.seeds, prepared.folder)


def fingerprint_of(prepared: Prepared, rows: Sequence[Row]) -> str:
    """A hash of what the result follows from: the networks, the pool and the settings of the choice."""
    settings = prepared.settings
    content: dict[str, Any] = {
        "arm": prepared.entrant.arm.key,
        "data": prepared.dataset.digest,
        "seeds": [child_seed(prepared.config.seed, row.replicate) for row in rows],
        "views": [view.model_dump(mode="json") for view in prepared.views],
        "most": settings.views,
        **settings_of(prepared.config, "seed", "split_seed", "validation", "images", "epochs", "model"),
        **weights_by_name(prepared.config.weights),
        "recipe": prepared.config.recipe.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def enter_in_ledgers(store: OptunaTrialStore, prepared: Prepared, choice: Choice, learned: str, command: str) -> Looks:
    """Enter the reading in the folder's ledger and in that of the search, under the hash of what was chosen.

    A search is entered once for each choice, however often it is continued.
    """
    others = [way.name for way in choice.ways if way.kind in ("classic", "draws")]
    policies = (learned_name(learned), *others)
    return enter(store, prepared, choice.fingerprint, policies, prepared.settings.seeds, command)


def learned_name(policy_hash: str) -> str:
    """How ledgers call the learned views, settled before the test part is read."""
    return f"learned views {policy_hash}"
