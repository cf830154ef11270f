"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import policysearch
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.policy.operations import OPERATIONS

ROOT = Path(policysearch.__file__).parent.parent
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("policysearch", "workers", "search_spaces")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = [(table, dict(table)) for table in (OPERATIONS, KERNELS)]
    try:
        result = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    finally:
        for table, before in tables:  # an example registers an operation, which other tests do not expect
            table.clear()
            table.update(before)
    assert result.attempted and not result.failed


def test_a_wrong_example_is_caught():
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "planted", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(example, out=lambda text: None).failed == 1


def test_there_are_examples():
    assert len(MODULES) >= 5
