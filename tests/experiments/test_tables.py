"""Recorded tables: what is written is read, recordings go on where they ended, and damaged ones are told."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.config import SearchConfig
from policysearch.study.rewards import parse_reward
from tests.support.made_up_tables import made_up

ACCURACY = parse_reward("accuracy")


def test_what_is_written_is_read(tmp_path):
    gaps = made_up(tmp_path / "t.parquet", seeds=5, noise=0.0)
    table = load_table(tmp_path / "t.parquet")
    assert len(table.arms) == 20 and table.fidelities == (Fidelity(500, 80), Fidelity(4000, 40))
    rewards, seconds = table.grid(1, ACCURACY)
    assert rewards.shape == (20, 5) and np.allclose(rewards, 0.8 + gaps[:, None]) and (seconds == 20.0).all()
    assert table.about == {"data": "made up"} and table.space.arms(0)[3].key == table.arms[3].key


def test_replicates_may_differ_by_arm_but_have_no_holes(tmp_path):
    def more(cell, metrics):
        arm, fidelity, replicate = cell
        return metrics if fidelity == 0 or replicate < 2 or arm < 8 else None

    made_up(tmp_path / "t.parquet", spoil=more)
    rewards, _ = load_table(tmp_path / "t.parquet").grid(1, ACCURACY)
    assert np.isfinite(rewards).sum(1).tolist() == [4] * 8 + [2] * 12


def test_a_pull_that_went_on_after_a_kill_costs_its_whole_training(tmp_path):
    def killed(cell, metrics):
        return {**metrics, "continued_from": 20, "seconds": 35.0} if cell == (3, 1, 1) else metrics

    made_up(tmp_path / "t.parquet", spoil=killed)
    _, seconds = load_table(tmp_path / "t.parquet").grid(1, ACCURACY)
    assert seconds[3, 1] == 35.0 and (np.delete(seconds.ravel(), 3 * seconds.shape[1] + 1) == 20.0).all()


def without(cell):
    return lambda at, metrics: None if at == cell else metrics


def with_nan(at, metrics):
    return {**metrics, "accuracy": float("inf")} if at == (3, 0, 1) else metrics


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without((3, 0, 1)), r"1 of 20 arms \(trivialaugment-wide\) lack pulls at 500x80"),
        (lambda at, m: None if at[0] == 2 and at[1] == 0 else m, r"1 of 20 arms \(randaugment"),
    ],
)
def test_missing_cells_are_told(tmp_path, spoil, message):
    made_up(tmp_path / "t.parquet", spoil=spoil)
    table = load_table(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=message):
        table.grid(0, ACCURACY)
    table.grid(1, ACCURACY)


def rewritten(path, change=lambda columns: columns, **told):
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[b"policysearch"]) | told
    columns = change({name: table[name].to_pylist() for name in table.column_names})
    pq.write_table(pa.table(columns).replace_schema_metadata({b"policysearch": json.dumps(meta)}), path)


def with_metadata(path, text):
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"policysearch": text}), path)


def test_rewards_that_are_no_number_are_told(tmp_path):
    path = tmp_path / "t.parquet"
    made_up(path)
    accuracy = lambda c: {**c, "accuracy": [float("nan"), *c["accuracy"][1:]]}  # noqa: E731
    rewritten(path, accuracy)
    with pytest.raises(UserError, match="arm identity, fidelity 500x80, replicate 0 gives the reward nan"):
        load_table(path).grid(0, ACCURACY)
    with pytest.raises(UserError, match="the reward fails on a recorded pull"):
        load_table(path).grid(0, parse_reward("entropy"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_text("no parquet"), "cannot read table"),
        (lambda p: p.unlink(), "cannot read table.*No such file|cannot read table"),
        (lambda p: pq.write_table(pa.table({"a": [1]}), p), "no table of `policysearch record`"),
        (lambda p: rewritten(p, schema=99), "schema version 99, this program reads 1"),
        (lambda p: rewritten(p, lambda c: {**c, "arm": ["000000000000", *c["arm"][1:]]}), "is not in its space"),
        (lambda p: rewritten(p, lambda c: {**c, "images": [7, *c["images"][1:]]}), "fidelity 7x80 is none of"),
        (lambda p: rewritten(p, lambda c: {n: [*v, v[0]] for n, v in c.items()}), "holds the same pull twice"),
        (lambda p: rewritten(p, fidelities=[]), "is damaged: fidelities"),
        (lambda p: rewritten(p, seed="x"), "is damaged: seed"),
        (lambda p: rewritten(p, about=None), "is damaged: about"),
        (lambda p: rewritten(p, schema="1"), "schema version '1', this program reads 1"),
        (lambda p: rewritten(p, lambda c: {**c, "replicate": [None, *c["replicate"][1:]]}), "row 0 is damaged: repl"),
        (lambda p: rewritten(p, lambda c: {**c, "replicate": [10**12, *c["replicate"][1:]]}), "row 0 is damaged: repl"),
        (lambda p: rewritten(p, lambda c: {**c, "worker_seconds": [*c["worker_seconds"][1:], -1e6]}), "row 39 is dam"),
        (lambda p: rewritten(p, lambda c: {**c, "worker_seconds": [math.nan] * 40}), "row 0 is damaged: worker_sec"),
        (lambda p: rewritten(p, lambda c: {**c, "curve": ["no", *c["curve"][1:]]}), "row 0 is damaged: curve"),
        (lambda p: rewritten(p, lambda c: {n: v for n, v in c.items() if n != "arm"}), "row 0 is damaged: arm"),
        (lambda p: with_metadata(p, b"[1]"), "metadata. is not JSON"),
        (lambda p: with_metadata(p, b"{"), "metadata. is not JSON"),
        (lambda p: rewritten(p, space="schema = 1\nbaselines = ['nothing']"), "the space in .* preset"),
    ],
)
def test_damaged_tables_are_refused_in_one_sentence(tmp_path, damage, message):
    path = tmp_path / "t.parquet"
    made_up(path, seeds=1)
    damage(path)
    with pytest.raises(UserError, match=message) as told:
        load_table(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["500", "x80", "500x", "0x80", "500x80x2", "axb", "-5x8", "²x3", "9" * 30 + "x1"])
def test_fidelities_that_cannot_be_read(text):
    with pytest.raises(UserError, match="IMAGESxEPOCHS"):
        Fidelity.parse(text)


def test_a_plan_by_hand():
    plan = Plan(fidelities="100x2:1,20x4", seeds=2, best=1, best_seeds=3)
    assert plan.replicates == {Fidelity(20, 4): 2, Fidelity(100, 2): 1}
    assert [*plan.cells(2)] == [(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (1, 1, 0)]
    assert [*plan.further([1, 0])] == [(1, 1, 1), (1, 1, 2)]
    for wrong, message in (("20x4,20x4", "twice"), ("20x4:no", "after the colon"), ("20x4:0", "after the colon")):
        with pytest.raises(UserError, match=message):
            Plan(fidelities=wrong).replicates  # noqa: B018


SPACE = """
schema = 1
[[family]]
name = "level"
preset = "randaugment:1,$m"
parameters = { m = [3, 6] }
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "small.toml").write_text(SPACE)
    return SearchConfig(space=str(tmp_path / "small.toml"), workers=0)


PLAN = Plan(fidelities="30x1,60x2:1", seeds=2, best=2, best_seeds=2)


class Stop(Exception):
    pass


def numbers(path):
    rows = pq.read_table(path).to_pylist()
    timed = ("seconds", "images_per_second", "peak_memory_mb")
    kept = [{k: v for k, v in row.items() if not k.endswith(timed)} for row in rows]
    return sorted(kept, key=lambda row: (row["images"], row["arm"], row["replicate"]))


@pytest.mark.slow
def test_a_recording_that_was_stopped_goes_on_and_ends_alike(tmp_path, settings):
    whole = record_table(settings, PLAN, tmp_path / "whole.parquet")
    assert whole.pulls == 6 * 2 + 6 + 2 and whole.failed == 0

    def stop(status):
        if status.phase == "record" and stop.left == 0:
            raise Stop
        stop.left -= status.phase == "record"

    for left in (3, 9, 4):
        stop.left = left
        with pytest.raises(Stop):
            record_table(settings, PLAN, tmp_path / "parts.parquet", stop)
        assert (tmp_path / "parts.parquet").exists()
    again = record_table(settings, PLAN, tmp_path / "parts.parquet")
    assert again.pulls == whole.pulls and numbers(tmp_path / "parts.parquet") == numbers(tmp_path / "whole.parquet")
    nothing_left = record_table(settings, PLAN, tmp_path / "parts.parquet")
    assert nothing_left.pulls == again.pulls and nothing_left.seconds == again.seconds


@pytest.mark.slow
def test_a_recording_may_grow_by_replicates_and_dearer_fidelities(tmp_path, settings):
    path = tmp_path / "t.parquet"
    record_table(settings, Plan(fidelities="30x1", seeds=1), path)
    grown = record_table(settings, Plan(fidelities="30x1,60x2:1", seeds=2), path)
    assert grown.pulls == 6 * 2 + 6
    table = load_table(path)
    assert table.grid(0, ACCURACY)[0].shape == (6, 2) and table.grid(1, ACCURACY)[0].shape == (6, 1)
    with pytest.raises(UserError, match="was begun with --fidelities 30x1,60x2"):
        record_table(settings, Plan(fidelities="20x1,30x1,60x2"), path)
    with pytest.raises(UserError, match=r"was begun with another space"):
        record_table(settings.model_copy(update={"space": "default"}), Plan(fidelities="30x1,60x2"), path)
    with pytest.raises(UserError, match="holds pulls at fidelity 2, and 1 were given"):
        record_table(settings, Plan(fidelities="30x1"), path)
    with pytest.raises(UserError, match="model is 'wrn-16-4', was 'quick-resnet-wide'"):
        record_table(settings.model_copy(update={"model": "wrn-16-4"}), Plan(fidelities="30x1,60x2"), path)


def test_a_cell_that_failed_is_tried_again_by_the_same_command(tmp_path, settings, monkeypatch):
    from workers import evaluate

    real = evaluate.attempt
    monkeypatch.setattr("workers.in_process.attempt", lambda e, t, ask: real(fails if t.number == 2 else e, t, ask))
    plan = Plan(fidelities="30x1", seeds=1)
    first = record_table(settings.model_copy(update={"retries": 0}), plan, tmp_path / "t.parquet")
    assert (first.pulls, first.failed) == (5, 1)
    with pytest.raises(UserError, match=r"1 of 6 arms .* lack pulls"):
        load_table(tmp_path / "t.parquet").grid(0, ACCURACY)
    second = record_table(settings, plan, tmp_path / "t.parquet")
    assert (second.pulls, second.failed) == (6, 0)
    load_table(tmp_path / "t.parquet").grid(0, ACCURACY)


def fails(trial):
    raise ValueError("no luck")


@pytest.mark.parametrize(
    ("plan", "out", "message"),
    [
        (PLAN, "t.csv", "NAME.parquet"),
        (Plan(fidelities="30x1,9000x1"), "t.parquet", "--images must lie in"),
        (Plan(fidelities="3x1"), "t.parquet", "--images must lie in"),
    ],
)
def test_what_cannot_be_recorded_is_told_before_anything_is_written(tmp_path, settings, plan, out, message):
    with pytest.raises(UserError, match=message):
        record_table(settings, plan, tmp_path / out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.toml"]
