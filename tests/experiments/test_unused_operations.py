"""A search says which of a person's operations it does not try."""

from __future__ import annotations

import pytest

from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.experiments.search import unused_operations
from policysearch.experiments.search.run import search
from policysearch.experiments.search.unused_operations import notes_on_operations
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.space_files import load_space
from policysearch.study.config import SearchConfig
from tests.support.quick import config_for

USED, UNUSED = "rotate", "solar"
"""An operation of the space autoaugment, and one that no space has."""


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(OPERATIONS, UNUSED, OPERATIONS["invert"])
    monkeypatch.setattr(unused_operations, "SHIPPED_OPERATIONS", SHIPPED_OPERATIONS - {USED})


def notes(**settings) -> list[str]:
    return notes_on_operations(SearchConfig(space="autoaugment", **settings), load_space("autoaugment"))


@pytest.mark.usefixtures("registered")
def test_an_operation_that_no_arm_has_is_named():
    (note,) = notes(operations="mine.py")
    assert note.startswith("operation solar is registered by mine.py, and no arm of space autoaugment has it")
    assert notes() == []


def test_nothing_is_said_where_every_operation_is_used(monkeypatch):
    monkeypatch.setattr(unused_operations, "SHIPPED_OPERATIONS", SHIPPED_OPERATIONS - {USED})
    assert notes(operations="mine.py") == []


CODE = """
from policysearch import Operation, register

row = Operation("solar", "filter", unit="x", high=1, neutral=0, standard=(0, 1))
register(row, lambda images, magnitude, numbers: images, visibility=lambda images, magnitude: 1 - magnitude)
"""


def test_the_note_stays_with_the_run(quick, tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    config = config_for(tmp_path / "run", trials=2, confirm=0, operations=str(tmp_path / "mine.py"))
    try:
        with pytest.warns(UserWarning, match="operation solar is registered by"):
            result = search(config)
        assert any("operation solar is registered by" in text for text in result.warnings)
    finally:
        OPERATIONS.pop(UNUSED)
        KERNELS.pop(UNUSED)
