"""Errands: what a function returns, raises and warns of in a process of its own, it does here."""

from __future__ import annotations

import os
import warnings

import pytest

from policysearch.core.errors import RunFailed, UserError
from workers.errand import run_errand


class Wrong(UserError):
    """Of a module that the caller need not have imported."""


class Odd(Exception):
    """No error of Python's own."""


def double(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def warn_and_raise(error: Exception | None) -> str:
    warnings.warn("the network is odd", UserWarning, stacklevel=1)
    if error is not None:
        raise error
    return "done"


def end() -> None:
    os._exit(7)


def first_line(name: str) -> str:
    from importlib import import_module

    return str(import_module(name).LINE)


def test_what_a_function_returns_comes_back_from_another_process():
    value, process = run_errand(double, 21)
    assert value == 42 and process != os.getpid()


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (UserError("--images is wrong"), UserError, "^--images is wrong$"),
        (Wrong("model 'x' cannot be made"), UserError, "^model 'x' cannot be made$"),
        (FileNotFoundError(2, "no such file", "mine.png"), FileNotFoundError, "mine.png"),
        (Odd("oh"), RuntimeError, "^Odd: oh$"),
    ],
)
def test_its_errors_and_warnings_are_those_of_the_function(error, kind, text):
    with pytest.warns(UserWarning, match="the network is odd"), pytest.raises(kind, match=text) as raised:
        run_errand(warn_and_raise, error)
    assert type(raised.value) is kind


def test_its_warnings_come_without_an_error_too():
    with pytest.warns(UserWarning, match="the network is odd"):
        assert run_errand(warn_and_raise, None) == "done"


def test_a_process_that_dies_is_a_run_that_failed():
    with pytest.raises(RunFailed, match="exit code 7"):
        run_errand(end)


def test_modules_of_the_current_folder_are_found(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("LINE = 'found'\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run_errand(first_line, "only_here") == "found"
