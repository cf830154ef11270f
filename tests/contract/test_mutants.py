"""The script that plants faults in the numbers people read still finds the texts that it replaces."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import policysearch

ROOT = Path(policysearch.__file__).parents[1]


def test_every_mutant_can_be_planted():
    spec = spec_from_file_location("mutants", ROOT / "results" / "2026-11-30_mutants" / "mutants.py")
    assert spec is not None and spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    planted = [*script.listed()]
    odd = [(file, old) for file, _, old, _ in planted if (ROOT / file).read_text(encoding="utf-8").count(old) != 1]
    assert not odd and len(planted) >= 100
    assert all((ROOT / tests[0]).exists() for _, tests, _, _ in planted)
