"""Damaged settings, calibrations and recorded tables give a right result or a sentence; results/ has the long form."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.config_checks import must_be_spelled
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.config import load_config
from tests.support.made_up_tables import made_up
from tests.support.mutated_settings import SOURCES, read_damaged

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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"data: '{'9' * 5000}:function'", "data '999"),
        (f"data: '{'9' * 5000}'", "data '999"),
        ('reward: "\\ud800"', "no UTF-8"),
    ],
    ids=["a function of a long name", "a folder of a long name", "a text that is no UTF-8"],
)
def test_a_setting_that_no_file_can_hold_is_a_sentence(line, message, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match=message):
        must_be_spelled(load_config(path))


def test_a_size_without_end_is_cut_off_in_its_message(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(f'resize = "3{"[" * 5000}"\n')
    with pytest.raises(UserError, match="a size is 32 or 32x48") as caught:
        load_config(path)
    assert len(str(caught.value)) < 500


def test_a_table_with_a_text_that_is_no_utf8_is_a_sentence(tmp_path):
    path = tmp_path / "t.parquet"
    made_up(path, seeds=1, part=2)
    table = pq.read_table(path)
    names = pa.array([b"\xcd"] * table.num_rows, pa.binary()).view(pa.string())
    pq.write_table(table.set_column(table.column_names.index("name"), "name", names), path)
    with pytest.raises(UserError, match="a text in it is no UTF-8"):
        load_table(path)


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_repeatable(seed):
    for source in SOURCES.values():
        assert source.write(np.random.default_rng(seed)) == source.write(np.random.default_rng(seed))
