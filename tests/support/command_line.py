"""The command line called in this process, as its tests and others need it."""

from __future__ import annotations

import sys

import pytest

from policysearch.cli.entry_point import main


def call(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["policysearch", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return (end.value.code or 0, *capsys.readouterr())
