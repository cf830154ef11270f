"""Code of the user's own is found in the current folder, and the process is left as it was."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Trial
from policysearch.core.user_code import current_folder_importable, function, imported
from workers.local import LocalPool


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module whose function imports another as late as it can."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    for name in ("users_module", "users_helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "users_module.py").write_text("def value():\n    from users_helper import VALUE\n    return VALUE\n")
    (tmp_path / "users_helper.py").write_text("VALUE = 3\n")
    yield tmp_path
    for name in ("users_module", "users_helper"):
        sys.modules.pop(name, None)


def test_importing_leaves_the_path_as_it_was(folder):
    before = list(sys.path)
    assert imported("users_module", "module").__file__ == str(folder / "users_module.py")
    assert sys.path == before
    with pytest.raises(ValueError, match="cannot be loaded: ModuleNotFoundError"):
        imported("no_such_module", "module")
    assert sys.path == before


def test_nested_blocks_remove_their_own_entry(folder):
    before = list(sys.path)
    with current_folder_importable(last=True):
        imported("users_module", "module")
        assert sys.path == [*before, ""]
    assert sys.path == before


def test_modules_of_the_current_folder_go_first(folder):
    (folder / "colorsys.py").write_text("MINE = True\n")
    shadowed = sys.modules.pop("colorsys", None)
    try:
        assert imported("colorsys", "module").MINE
    finally:
        sys.modules.pop("colorsys", None)
        if shadowed is not None:
            sys.modules["colorsys"] = shadowed


@dataclass(frozen=True)
class Lazy:
    """Sets up a worker that calls the user's function for every trial."""

    def __call__(self):
        value = function("users_module:value", "the test's function")
        return lambda trial: {"value": value()}


def test_workers_find_what_is_imported_late(folder):
    pool = LocalPool(Lazy(), 1)
    try:
        pool.submit(Trial(0, "arm", "{}", 0, 0, 10, 1))
        ((_, outcome),) = pool.wait(60)
    finally:
        pool.close()
    assert outcome.error == "" and outcome.metrics == {"value": 3}
    assert "" not in sys.path


def test_a_script_that_is_loaded_for_a_function_makes_no_call_of_its_own(tmp_path):
    path = tmp_path / "unguarded.py"
    path.write_text("from policysearch import search\ndef train(policy): return 0.5\nsearch(train=train, trials=1)\n")
    sentence = r"unguarded.py runs again where something of it is needed: write the call below `if __name__"
    with pytest.raises(UserError, match=sentence):
        function(f"{path}:train", "train function train")


def test_a_module_that_is_there_is_not_run_again_by_its_path(tmp_path, monkeypatch):
    path = tmp_path / "counted_once.py"
    path.write_text("values = []\ndef train(policy): return 0.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("counted_once")
    assert function(f"{path}:train", "train function train") is module.train
    monkeypatch.delitem(sys.modules, "counted_once")
