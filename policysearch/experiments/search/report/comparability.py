"""Whether the rewards of two searches mean the same, and what else is different about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from policysearch.experiments.search.report.data import Material
from policysearch.study.storage import without_password

_DATA = ("data", "resize", "aspect", "background", "image_column", "label_column", "skip_damaged")
_SPLIT = ("validation", "split_seed", "group")
_EFFORT = ("images", "epochs", "model", "recipe")
_NOT_SHOWN = frozenset({"out", "study", "workers", "device"})
"""Settings that say where a search ran, and nothing of its result."""


def obstacles(first: Material, other: Material) -> list[str]:
    """Why the rewards of two searches do not compare, as clauses; empty where they do."""
    a, b = first.config, other.config
    same_images = first.data == other.data if first.data and other.data else _equal(first, other, _DATA)
    reasons = []
    if a.task != b.task:
        reasons.append(f"different tasks ({a.task} and {b.task})")
    if not same_images:
        reasons.append(f"different images ({a.data} and {b.data})")
    if not _equal(first, other, _SPLIT):
        reasons.append("different splits into training and validation images")
    if a.last_reward != b.last_reward or a.reward != b.reward:
        reasons.append(f"different rewards ({a.reward} and {b.reward})")
    return reasons


def cautions(first: Material, other: Material) -> list[str]:
    """Settings of the trainings that differ: a part of each difference is due to them."""
    return [name for name in _EFFORT if not _equal(first, other, (name,))]


def _equal(first: Material, other: Material, names: Sequence[str]) -> bool:
    settings = [settings_of(material) for material in (first, other)]
    return all(settings[0].get(name) == settings[1].get(name) for name in names)


def settings_of(material: Material) -> Mapping[str, Any]:
    """The settings of a search as JSON's types, without passwords."""
    storage = material.config.storage and without_password(material.config.storage)
    return material.config.model_copy(update={"storage": storage}).model_dump(mode="json")


def changed_settings(first: Material, other: Material) -> list[tuple[str, str, str]]:
    """Name and both values of every setting that differs, those of the recipe by themselves."""
    flat = [_flat(settings_of(material)) for material in (first, other)]
    names = [name for name in dict.fromkeys([*flat[0], *flat[1]]) if name not in _NOT_SHOWN]
    rows = [(name, _text(flat[0].get(name)), _text(flat[1].get(name))) for name in names]
    rows = [row for row in rows if row[1] != row[2]]
    if first.space_text != other.space_text:
        rows.append(("content of the space", first.space.name, other.space.name))
    return rows


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    recipe = settings.get("recipe") or {}
    return {**settings, "recipe": None, **{f"recipe.{name}": value for name, value in recipe.items()}}


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value)
