"""Pages of benchmarks end with their targets, and one page has them all."""

from __future__ import annotations

import importlib
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import optuna
import pytest

import policysearch

ROOT = Path(policysearch.__file__).parents[1]
FOLDER = ROOT / "results" / "benchmarks"
Import = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def script() -> Iterator[Import]:
    """Imports a benchmark as it is when its file is run; all are forgotten at the end."""
    verbosity, names = optuna.logging.get_verbosity(), {path.stem for path in FOLDER.glob("*.py")} - set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)
    optuna.logging.set_verbosity(verbosity)


def augmentation(script: Any) -> list[str]:
    memories = [(32, 8192, "flip-crop", [0.3, 12.1])]
    return script.cpu_page(["| times |"], [1.29, *[9.0] * 7], memories, {"identity": 0.02, "flip-crop": 0.15}, "abc")


def augmentation_on_a_gpu(script: Any) -> list[str]:
    times = {"flip-crop": 0.6e-6, "mixup": 0.7e-6}
    return script.gpu_page([(32, 2048, name, [2048 * seconds] * 3) for name, seconds in times.items()])


def checkpoints(script: Any) -> list[str]:
    return script.page([script.Cost("a", 1.0, 0.01, 9, 5.0, share, -0.01) for share in (0.022, 0.0221)], rounds=1)


def child(script: Any) -> list[str]:
    targets = [script.Target.at_least("the default pull, by one of quick-resnet", 1.5, 1.6)]
    return script.page(targets, Namespace(against="abc", rounds=1, epochs=8, device="cpu"))


def controller(script: Any) -> list[str]:
    names = ("memory", "SQLite")
    return script.page([script.Rate(name, workers, 9, 19.9, 30, 1) for name in names for workers in (20, 200)], 9)


def exports(script: Any) -> list[str]:
    ratios = {"torchvision's own, tensors": 1.0, "exported to timm, PIL": 0.9, "exported to kornia, a batch": 1.1}
    return script.page([("16 of 32×32×3", name, [ratio], ratio) for name, ratio in ratios.items()], rounds=1)


def memory(script: Any) -> list[str]:
    pairs = {"controller": [[201.0, 600.0]], script.ALL: [[59.0, 100.0]], script.FIRST_STEP: [[0.8001, 1.0]]}
    return script.page(pairs, {"large": [20.0, 30.0, 24.0], "small": [10.0, 20.0, 12.0]}, "abc")


def pools(script: Any) -> list[str]:
    return script.page({"local": [60.0], "ray": [57.0]}, {"local": [2.0], "ray": [8.1]})


def record(script: Any) -> list[str]:
    own = {100: 41.0, 1000: 99.0, 5000: 41.0}
    return script.page([script.Cell("ucb", size, (ms, ms), (10.0, 10.0)) for size, ms in own.items()])


def replay(script: Any) -> list[str]:
    row = [("random", [0.1, 0.2])]
    return script.page(row, [script.Large("ucb", 61.0, 0.1, 0.9498), script.Large("random", 60.0, 0.1, 0.95)], row)


def scale(script: Any) -> list[str]:
    return script.page([script.Target.at_most("an ask", 4.0, 3, "ms"), script.Target.at_least("busy", 95.0, 95, "%")])


def search(script: Any) -> list[str]:
    return script.page([script.Round(18.0, 10.0, [12.0, 3.0, 3.0]), script.Round(18.0, 10.0, [12.0, 3.0, 2.9])])


def service(script: Any) -> list[str]:
    rounds = script.Rounds([100.0], [97.5], [0.5] * 200, [0.26])
    return script.page(script.Measurements(9, (0.31, 9), (0.5, 300_001), rounds, 201.0, 2.9, 49), trials=6)


def startup(script: Any) -> list[str]:
    seconds = {name: [[0.5, 1.0]] for name in script.TASKS}
    return script.page({**seconds, script.SHOW: [[1.1, 4.0]]}, "abc")


PAGES: dict[Callable[[Any], list[str]], list[bool]] = {
    augmentation: [False, *[True] * 7, False, True],
    augmentation_on_a_gpu: [True, False],
    checkpoints: [True, True, True, False],
    child: [False],
    controller: [False],
    exports: [True, False],
    memory: [False, True, False, True],
    pools: [True, False],
    record: [False, True],
    replay: [False, False, True, True],
    scale: [False, True],
    search: [False, True],
    service: [True, True, False, False, False, True, False, False],
    startup: [True, True, False],
}
"""A page from values by hand, and which of its targets they meet."""


@pytest.mark.parametrize(("page", "verdicts"), PAGES.items(), ids=[page.__name__ for page in PAGES])
def test_a_page_ends_with_its_targets(page, verdicts, script, tmp_path):
    lines = page(script(page.__name__.removesuffix("_on_a_gpu")))
    (tmp_path / "page.md").write_text("\n".join(lines) + "\n", encoding="utf-8")

    targets = script("targets").targets_of(tmp_path / "page.md")
    assert [target.met for target in targets] == verdicts
    end = script("targets").section(targets)
    assert lines[-len(end) - 1 :] == ["", *end]


def test_every_benchmark_has_a_page_here_and_is_run_before_the_targets(script):
    names = script("targets").benchmarks(FOLDER)
    assert names == sorted(page.__name__ for page in PAGES if page is not augmentation_on_a_gpu)

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^\t(-?)\$\(BIN\)/python results/benchmarks/(\w+)\.py$", makefile, re.MULTILINE)
    assert sorted(commands[:-1]) == [("-", name) for name in names]
    assert commands[-1] == ("", "targets")


def test_the_published_page_is_that_of_the_published_benchmarks(script):
    lines, _ = script("targets").summary(FOLDER)
    text = (FOLDER / "targets.md").read_text(encoding="utf-8")
    assert text.splitlines() == lines, "run: python results/benchmarks/targets.py"


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("quick", "slow", "new"):
        (tmp_path / f"{name}.py").write_text("from targets import Target, section\n")
    (tmp_path / "worktree.py").write_text("import subprocess\n")
    tables = ["| what | measured | target |", "| - | - | - |", "| a | 1 | 2 |", "", "| file | limit | command | |"]
    (tmp_path / "README.md").write_text("\n".join([*tables, "| - | - | - | - |", "| a | 1 | b | no |", ""]))
    return tmp_path


def write_page(script: Import, path: Path, *values: float) -> None:
    targets = script("targets")
    rows = targets.section(targets.Target.at_most(f"a step of {value}", value, 2, "ms") for value in values)
    path.write_text("\n".join(["# Steps", "", "| what | is |", "| - | - |", "| it | so |", "", *rows, "", "End.", ""]))


def test_one_page_has_the_targets_of_all_pages(script, folder, capsys):
    write_page(script, folder / "quick.md", 1.5, 2)
    write_page(script, folder / "slow.md", 2.0004)

    assert script("targets").main(folder) == 1
    assert (
        (folder / "targets.md").read_text()
        == capsys.readouterr().out
        == (
            "# 2 targets met, 1 missed\n\nNot measured yet: `new.py`.\n\n"
            "| page | what | measured | target | |\n| - | - | - | - | - |\n"
            "| [quick](quick.md#against-the-targets) | a step of 1.5 | 1.5 ms | at most 2 ms | met |\n"
            "| [quick](quick.md#against-the-targets) | a step of 2 | 2 ms | at most 2 ms | met |\n"
            "| [slow](slow.md#against-the-targets) | a step of 2.0004 | 2.0004 ms | at most 2 ms | 🔴 missed |\n"
        )
    )

    write_page(script, folder / "slow.md", 1)
    write_page(script, folder / "new.md", 1)
    assert script("targets").main(folder) == 0
    assert (folder / "targets.md").read_text().startswith("# 4 targets met, 0 missed\n\n| page |")


@pytest.mark.parametrize("cells", ["a | 1 | 2 | yes", "a | 1 | met", "a | 1 | 2 | 3 | met", "a | 1 | 2 |"])
def test_a_row_of_another_form_is_an_error(cells, script, folder):
    write_page(script, folder / "quick.md", 1)
    text = (folder / "quick.md").read_text()
    (folder / "quick.md").write_text(re.sub(r"^\| a step.*", f"| {cells} |", text, flags=re.M))
    with pytest.raises(ValueError, match=re.escape("quick.md: '| a | 1")):
        script("targets").summary(folder)


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (94.97682, 95, "94.98 %"),
        (0.8014, 0.8, "0.801 %"),
        (1234.5, 300, "1,234 %"),
        (999.7, 300, "1,000 %"),
        (float("inf"), 3, "inf %"),
        (float("nan"), 3, "nan %"),
    ],
)
def test_a_figure_shows_on_which_side_of_its_limit_it_is(value, limit, text, script):
    target = script("targets").Target.at_most("what", value, limit, "%")
    assert (target.measured, target.met) == (text, value < limit)
