"""Scripts, notebooks and standard input: what worker processes run of the user's own script."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.search.run import search
from tests.support.quick import config_for
from workers import main_module
from workers.main_module import main_is_left_out, must_reach_workers

GUARDED = [
    'if __name__ == "__main__":\n    note()',
    "def main():\n    note()\nif '__main__' == __name__:\n    if 1:\n        main()",
    'if __name__ != "__main__":\n    raise SystemExit\nnote()',
]
UNGUARDED = [
    "note()",
    "def main():\n    note()\nmain()",
    'if __name__ == "__main__":\n    pass\nnote()',
    "if 1:\n    note()",
]


def left_out(monkeypatch, script: Path | str, text: str) -> bool:
    """What `main_is_left_out` answers while this script is the main one."""
    main = ModuleType("__main__")
    main.__file__ = str(script)
    answers: list[bool] = []
    main.__dict__["note"] = lambda: answers.append(main_is_left_out())
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile(text, str(script), "exec"), main.__dict__)
    return answers == [True]


@pytest.mark.parametrize(("text", "expected"), [(t, False) for t in GUARDED] + [(t, True) for t in UNGUARDED])
def test_a_script_is_run_again_where_that_repeats_no_call(text, expected, tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(text)
    assert left_out(monkeypatch, script, text) is expected


def test_what_is_no_file_is_left_out(monkeypatch):
    assert left_out(monkeypatch, "<stdin>", "note()")
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # a notebook's has no file
    assert main_is_left_out()
    with pytest.raises(UserError, match=r"workers need model '__main__:make'.*write it into a file such as mine.py"):
        must_reach_workers(["model '__main__:make'"])


def test_an_unguarded_script_whose_network_workers_need_is_told_what_to_write(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("note()")
    monkeypatch.setattr(main_module, "main_is_left_out", lambda: True)
    monkeypatch.setattr(main_module, "_file", lambda main: script)
    with pytest.raises(UserError, match='write the call below `if __name__ == "__main__":`'):
        must_reach_workers(["model '__main__:make'"])
    must_reach_workers([])


@pytest.mark.parametrize(
    ("process", "sentence"),
    [
        (SimpleNamespace(daemon=True), "daemonic process.*give workers=0"),
        (SimpleNamespace(daemon=False, _inheriting=True), "runs again in every process.*write the call below"),
    ],
)
def test_a_process_that_may_start_no_workers_writes_nothing(process, sentence, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(multiprocessing, "current_process", lambda: process)
    with pytest.raises(UserError, match=sentence):
        search(config_for(tmp_path / "run", workers=1))
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("words", [["script.py"], ["-"]], ids=["unguarded", "standard input"])
def test_a_search_by_a_real_script_without_a_guard(words, npz, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from policysearch import SearchConfig, search\n"
        f"config = SearchConfig(data={str(npz)!r}, images=40, epochs=1, trials=2, confirm=0, workers=2, out='run')\n"
        "print(search(config).policy.name)\n"
    )
    with script.open() as text:
        done = subprocess.run([sys.executable, *words], stdin=text, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "script.py", "small.npz"]
