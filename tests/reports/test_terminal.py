"""Whatever a person calls classes, policies, rewards and folders is shown letter by letter, and is never markup."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

import policysearch
from policysearch.cli.progress import _Watcher
from policysearch.core.readable import readable
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.progress import Status
from policysearch.reports.legend import legend_label
from policysearch.reports.markdown import escaped
from policysearch.reports.preview.data_sheet import describe
from policysearch.reports.table import Grid
from policysearch.reports.terminal import output_console, say, show_grid

NAMES = ("[bold]", "a[b]", "[x] y", "[/x]", ":dog:", "\\[a]", "back\\")
ROOT = Path(policysearch.__file__).parent


def terminal() -> Console:
    return Console(file=io.StringIO(), width=150, force_terminal=True, color_system=None)


def shown(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_table_shows_names_in_every_place():
    for name in NAMES:
        console = terminal()
        show_grid(console, Grid(name, (f"{name}1", f"{name}2"), ((f"{name}3", f"{name}4"),)))
        assert [shown(console).count(text) for text in (name, *(f"{name}{i}" for i in (1, 2, 3, 4)))] == [5, 1, 1, 1, 1]


def test_sentences_show_names():
    console = terminal()
    for name in NAMES:
        say(console, f"{name} wins", "bold")
    assert shown(console).splitlines() == [f"{name} wins" for name in NAMES]


def test_a_data_set_shows_its_classes(capsys):
    labels = np.arange(70) % 7
    images = np.zeros((70, 1, 8, 8), np.uint8)
    dataset = Dataset("[red]", images, labels, images, labels, NAMES, warnings=("class [bold] is small",))
    describe(dataset, None, 0, None)
    text = capsys.readouterr().out
    assert all(name in text for name in (*NAMES, "[red]:", "class [bold] is small"))


@pytest.mark.parametrize("name", NAMES)
def test_the_bar_shows_the_best_arm(name):
    console = terminal()
    watcher = _Watcher(console, lambda: None)
    watcher(Status("search", 1, 2, (name, 0.5), 0))
    console.print(watcher.progress)
    assert f"best {name} 0.5000" in shown(console)


def test_a_line_of_progress_shows_the_best_arm():
    console = Console(file=io.StringIO(), width=150)
    _Watcher(console, lambda: None)(Status("search", 2, 2, ("[/x]", 0.5), 0))
    assert "best [/x] 0.5000" in shown(console)


def test_first_trials_that_cost_otherwise_say_nothing_of_the_time_that_is_left(monkeypatch):
    console, clock = Console(file=io.StringIO(), width=150), iter(range(0, 100_000, 100))  # the first line is not due
    monkeypatch.setattr("policysearch.cli.progress.time.monotonic", lambda: float(next(clock)))
    watcher = _Watcher(console, lambda: None)
    for done in (0, 1, 2, 3):
        watcher(Status("search", done, 12, ("flip", 0.5), 0, first=2))
    lines = shown(console).splitlines()
    assert [", about" in line for line in lines] == [False, False, True], lines


def test_the_bar_of_first_trials_is_one_of_its_own():
    watcher = _Watcher(terminal(), lambda: None)
    for done in (0, 1, 2, 3):
        watcher(Status("search", done, 12, None, 0, first=2))
    assert [(task.description, task.completed, task.total) for task in watcher.progress.tasks] == [
        ("folds", 1, 2),
        ("search", 3, 12),
    ]


def test_control_characters_and_odd_bytes_are_shown_as_escapes():
    console = terminal()
    say(console, "a\x1b[31mred\udcff\n[b]")
    assert shown(console) == "a\\x1b[31mred\\xff\n[b]\n"
    assert readable("Äé 犬 👩‍🚀") == "Äé 犬 👩‍🚀"


def test_markdown_shows_names():
    assert escaped("[a](http://b) *x* _y_ a_b `c` <i> | [0.1, 0.2]") == (
        r"\[a](http://b) \*x\* \_y\_ a_b \`c\` \<i> \| [0.1, 0.2]"
    )


def test_a_legend_lists_every_name():
    axes = Figure().subplots()
    for name in ("_mine", "identity"):
        axes.plot([], [], label=legend_label(name, 20))
    assert [text.get_text().strip() for text in axes.legend().get_texts()] == ["_mine", "identity"]


def strings_printed_by_rich(source: str) -> list[int]:
    """Lines in which a console is given text of its own to print, or markup is escaped by hand."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "rich.markup":
            lines.append(node.lineno)
        is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "print"
        if is_print and not all(isinstance(argument, ast.Call) for argument in node.args):
            lines.append(node.lineno)
    return sorted(lines)


def test_only_the_terminal_module_hands_text_to_rich():
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sorted(ROOT.rglob("*.py"))
        if (lines := strings_printed_by_rich(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_text_handed_to_rich_is_caught():
    assert strings_printed_by_rich("console.print(f'{name} wins')\nfrom rich.markup import escape") == [1, 2]


def narrow(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)


WIDE = Grid(
    "Policies",
    ("policy", "seeds", *(f"metric {i} [95 %]" for i in range(6))),
    tuple(
        (name, "10", *(f"{i}{k}.00 % [{i}{k}.10, {i}{k}.90]" for i in range(1, 7)))
        for k, name in enumerate(("trivialaugment-wide", "crop(sigma=0.1, mode=target) + bi-tempered(t1=0.8, t2=1.2)"))
    ),
)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_cell_of_a_table_is_lost_or_broken_at_any_width(width):
    console = narrow(width)
    show_grid(console, WIDE)
    text = shown(console)
    assert max(map(len, text.splitlines())) <= width and "…" not in text
    assert all(cell in text for row in WIDE.rows for cell in row[1:])
    assert all(head.partition(" [")[0] in text for head in WIDE.heads)
    assert "trivialaugment-wide" in text and all(word in text for word in ("mode=target)", "bi-tempered(", "t2=1.2)"))


@pytest.mark.parametrize("width", [40, 80])
def test_sentences_are_broken_between_words_only(width):
    text = (
        "evaluated 4 arms: +1.22 points [-0.31, 1.98] over trivialaugment-wide and 82.50 % of images, files in "
        "results/2026-11-30_a-long-name/mine-evaluated-with-more-seeds: evaluation.png, report.html, study.db; "
        "`policysearch resume results/mine` goes on"
    )
    console = narrow(width)
    say(console, text)
    lines = shown(console).splitlines()
    assert " ".join(lines) == text
    assert all(len(line) <= width or " " not in line for line in lines)
    for whole in ("`policysearch resume results/mine`", "+1.22 points", "[-0.31, 1.98]", "82.50 %"):
        assert any(whole in line for line in lines)


def test_the_width_is_the_terminals_or_that_of_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert output_console().width == 80
    monkeypatch.delenv("COLUMNS")
    assert output_console().width == 120
