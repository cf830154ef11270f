"""What importing the package loads, and what it may not touch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import policysearch


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


def test_the_package_and_the_command_line_are_light():
    heavy = "('torch', 'optuna', 'ray', 'numpy', 'scipy', 'matplotlib')"
    code = f"import policysearch, policysearch.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    assert run_python(code).stdout.strip() == "[]"


def test_modules_do_not_share_names_with_public_functions():
    taken = {path.stem for path in Path(policysearch.__file__).parent.iterdir()}
    assert not taken & set(policysearch.__all__)


def test_names_of_0_1_still_import_with_a_warning():
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    from policysearch.operations import Operation\n"
        "    from policysearch.schedules import decayed\n"
        "import policysearch\n"
        "print(Operation is policysearch.Operation, decayed is policysearch.decayed, len(caught))"
    )
    assert run_python(code).stdout.strip() == "True True 2"
