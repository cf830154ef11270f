"""Which cases of a law the quick tests run; the slow ones run all."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def slow_but(quick: Iterable[object], cases: Iterable[object]) -> list:
    """The cases as parameters, those that are not among `quick` marked slow.

    Raises:
        ValueError: a quick case is none of the cases.
    """
    quick, cases = list(quick), list(cases)
    if missing := [case for case in quick if case not in cases]:
        raise ValueError(f"no such cases: {missing}")
    return [_parameter(case, case not in quick) for case in cases]


def _parameter(case: object, slow: bool) -> object:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=[pytest.mark.slow] if slow else [])
