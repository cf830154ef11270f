"""Files of policies and spaces with random damage give a right result or a sentence; results/ has the long form."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.export.registry import import_from
from policysearch.policy.space_files import load_space
from policysearch.study.config import load_config
from tests.support.mutated_policies import SOURCES, damaged_bytes, read, read_damaged, what_is_wrong

SEEDS = range(1_000_000, 1_000_040)
"""Others than those of the long form."""


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_damaged_files_give_a_right_result_or_a_sentence(source, tmp_path):
    outcomes = {}
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        outcomes[seed] = read_damaged(source, seed, tmp_path / str(seed))
    bad = {seed: outcome for seed, outcome in outcomes.items() if outcome.kind not in ("right result", "sentence")}
    assert not bad
    counts = Counter(outcome.kind for outcome in outcomes.values())
    assert min(counts["right result"], counts["sentence"]) > 0


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"space"}))
def test_files_without_damage_are_right(source, tmp_path):
    text = SOURCES[source].write(np.random.default_rng(1))
    path = tmp_path / f"damaged{SOURCES[source].suffix}"
    path.write_text(text, encoding="utf-8")
    assert what_is_wrong(source, path, text, read(source, path)) == ""


def test_damage_is_repeatable_and_changes_files():
    text = SOURCES["policy"].write(np.random.default_rng(0))
    damaged = [damaged_bytes(text, np.random.default_rng(seed)) for seed in range(20)]
    assert damaged == [damaged_bytes(text, np.random.default_rng(seed)) for seed in range(20)]
    assert sum(one != text.encode() for one in damaged) > 15


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000], ids=["5,000 digits", "nested without end"])
@pytest.mark.parametrize("read_file", [load_space, load_config])
def test_toml_that_python_cannot_hold_is_a_sentence(read_file, value, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(f"trials = {value}\n")
    with pytest.raises(UserError, match="is not TOML") as caught:
        read_file(str(path))
    assert len(str(caught.value)) < 500


def test_names_without_end_are_cut_off_in_messages(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(f"[[('{'x' * 5000}', 0.5, 3)]]")
    with pytest.raises(UserError, match=r"unknown operation 'xxx.*…'") as caught:
        import_from(str(path), "autoaugment")
    assert len(str(caught.value)) < 500


def test_python_says_nothing_about_code_that_is_not_run(tmp_path, recwarn):
    path = tmp_path / "list.txt"
    path.write_text("'\\ ' is 1\n[[('Invert', 0.5, 3)]]\n")
    assert import_from(str(path), "autoaugment")[0].sub_policies
    assert not list(recwarn)
