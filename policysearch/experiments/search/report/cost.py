"""What a search cost, its settings and versions, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import search_spaces
from policysearch.experiments.search.ablation import is_of_ablation
from policysearch.experiments.search.report.data import Material, seconds
from policysearch.experiments.search.report.provenance import versions
from policysearch.reports.html.markup import folded, heading, listed, paragraph, table
from policysearch.reports.numbers import duration, share
from policysearch.reports.table import Grid
from policysearch.study.config import SearchConfig
from policysearch.study.rows import COMPLETE, FAILED, PRUNED, Row
from policysearch.study.storage import without_password

_ERRORS = 5  # of the commonest


def cost(material: Material) -> Iterator[str]:
    """Pulls, failures, pruned pulls, repeated attempts and worker-seconds of each phase."""
    yield heading(2, "Cost")
    ablated = [row for row in material.confirmed if is_of_ablation(row)]
    phases = {"search": material.searched, "confirmation": material.fresh, "ablation": ablated}
    whole = [*material.searched, *material.confirmed]
    rows = [_row(name, trials, material.seconds) for name, trials in {**phases, "all": whole}.items() if trials]
    heads = ("phase", "pulls", "with a reward", "failed", "pruned", "repeated attempts", "worker time", "share")
    yield table(Grid("What it cost", heads, tuple(rows), ("all",)))
    errors = _errors(whole)
    yield folded("What went wrong", listed(errors)) if errors else ""


def _row(name: str, rows: Sequence[Row], total: float) -> tuple[str, ...]:
    states = [sum(row.state == state for row in rows) for state in (COMPLETE, FAILED, PRUNED)]
    again = sum(len(row.failures) for row in rows)
    spent = seconds(rows)
    counts = (str(count) for count in (len(rows), *states, again))
    return name, *counts, duration(spent), share(spent / total if total else float("nan"))


def _errors(rows: Sequence[Row]) -> dict[str, str]:
    """The commonest errors of attempts, and how often each occurred."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(attempt.error for attempt in (*row.failures, row.outcome) if attempt.error)
    return {error[:300]: f"{count} times" for error, count in counts.most_common(_ERRORS)}


def how_it_was_made(material: Material) -> Iterator[str]:
    """Settings, versions, and the command."""
    yield heading(2, "How it was made")
    yield paragraph("The same search again, exactly so with one worker:")
    yield f"<pre>{escape(repeating(material))}</pre>"
    yield folded("Settings", listed(_settings(material.config)))

    recorded = material.background.get("versions")
    title = "Versions" if recorded else "Versions of this report; those of the search were not recorded"
    sets = recorded or [versions()]
    yield folded(title, "".join(map(listed, sets)))
    if len(sets) > 1:
        yield paragraph(f"It was continued with other versions: {len(sets)} in all, in order.", "note")


def _settings(config: SearchConfig) -> dict[str, Any]:
    storage = config.storage and without_password(config.storage)
    settings = config.model_copy(update={"storage": storage}).model_dump(mode="json", exclude_none=True)
    recipe = settings.pop("recipe")
    if config.train is not None:
        return {name: value for name, value in settings.items() if name != "model"}
    return {**settings, **{f"recipe.{name}": value for name, value in recipe.items()}}


def repeating(material: Material) -> str:
    """A command for the folder in which the search was started; the space's own copy where it is not one that ships."""
    folder, config = material.folder, material.config
    again = Path(f"{folder}-again")
    words = ["policysearch", "search", "--config", f"{folder}/config.toml", "--out", str(again)]
    ships = config.space in search_spaces.names() and search_spaces.text(config.space) == material.space_text
    words += [] if ships else ["--space", f"{folder}/space.toml"]
    words += ["--study", f"{config.study}-again"] if config.storage else []
    return shlex.join(words)
