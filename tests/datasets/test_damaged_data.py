"""Data with random damage give a right result or a sentence, never a traceback; results/ has the long form."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from policysearch.datasets.load import load
from tests.support.mutated_data import SOURCES, read_damaged, what_is_wrong

SEEDS = range(1_000_000, 1_000_040)
"""Others than those of the long form."""


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_damaged_data_give_a_right_result_or_a_sentence(source, tmp_path, monkeypatch):
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    outcomes = {seed: read_damaged(source, seed, tmp_path / f"{seed}") for seed in SEEDS}
    bad = {seed: outcome for seed, outcome in outcomes.items() if outcome.kind not in ("right result", "sentence")}
    assert not bad
    counts = Counter(outcome.kind for outcome in outcomes.values())
    assert min(counts["right result"], counts["sentence"]) > 0


@pytest.mark.parametrize("source", SOURCES)
def test_data_without_damage_are_right(source, tmp_path):
    SOURCES[source](tmp_path / "data", np.random.default_rng(0))
    path = tmp_path / "data" / "a.npz" if source == "npz" else tmp_path / "data"
    dataset = load(str(path))
    assert what_is_wrong(dataset) == "" and len(dataset.y_train) + len(dataset.y_test) in (24, 72)
