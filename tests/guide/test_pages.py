"""The README and the guide as texts: their form, their links, and what they say of commands and flags."""

from __future__ import annotations

import re

import pytest
import typer

from policysearch.cli.entry_point import app
from policysearch.cli.guide import guide_pages, summary
from policysearch.study.policy_spec import named_policy
from tests.support.command_line import call
from tests.support.markdown import LANGUAGES, PAGES, README, ROOT, blocks

TEXTS = pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.stem)
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SUBCOMMANDS = [one for command in COMMANDS.values() for one in getattr(command, "commands", {}).values()]
FLAGS = {
    flag
    for command in (*COMMANDS.values(), *SUBCOMMANDS)
    for option in command.params
    for flag in (*option.opts, *option.secondary_opts)
}
OTHER_FLAGS = {"--help", "--version", "--head", "--logdir", "--no-install-recommends", "--address", "--torch"}
"""Of every command; of Ray, TensorBoard and apt-get, and of `.ci/minimum`."""


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@TEXTS
def test_form(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 140
    assert lines[0].startswith("# ")
    assert {block.language for block in blocks() if block.page == path.stem} <= LANGUAGES
    if path != README:
        assert len(lines) <= 120 or path.stem == "changelog", "only the list of changes grows"
        assert lines[1] == "" and lines[2].endswith(".") and lines[3] == "", "one line for the list"


def test_the_page_of_measurements_names_every_folder_of_results():
    text = (README.parent / "policysearch" / "guide" / "measurements.md").read_text(encoding="utf-8")
    missing = [
        path.name for path in (README.parent / "results").iterdir() if f"](../../results/{path.name})" not in text
    ]
    assert not missing


@TEXTS
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing


@TEXTS
def test_pages_that_are_named_exist(path):
    named = set(re.findall(r"policysearch guide ([a-z][a-z-]+)", path.read_text(encoding="utf-8")))
    assert named <= set(guide_pages())


def test_the_readme_links_the_index():
    assert "](policysearch/guide/index.md)" in README.read_text(encoding="utf-8")


def listed(index: str) -> list[tuple[str, str]]:
    """Title and page of every row of an index; a row belongs to a group, a heading of the second level."""
    _, *groups = index.split("\n## ")
    rows = [re.match(r"- \[(.+?)\]\(([a-z-]+)\.md\): \S", line) for group in groups for line in group.splitlines()]
    return [(row[1], row[2]) for row in rows if row]


def test_the_index_lists_every_page_once_by_its_title():
    pages = {path.stem: path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for path in PAGES}
    index = (ROOT / "policysearch" / "guide" / "index.md").read_text(encoding="utf-8")
    del pages["index"]
    assert sorted(listed(index)) == sorted((title, page) for page, title in pages.items())


def test_rows_of_an_index_are_in_groups():
    assert listed("# All\n- [A](a.md): no group\n\n## Begin\n\n- [B](b.md): what it is\n- [C](c.md)\n") == [("B", "b")]


def unknown(text: str) -> set[str]:
    """Commands and flags in a text's inline code and shell blocks that the command line does not have."""
    prose = re.sub(r"^```(?!sh).*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [*re.findall(r"(?<!`)`([^`]+)`(?!`)", prose), *re.findall(r"```sh\n(.*?)```", prose, re.DOTALL)]
    code = " ; ".join(spans)
    commands = set(re.findall(r"(?:^|(?<=[\s`]))(?<!import )policysearch ([a-z]+)(?=\s|$)", code)) - set(COMMANDS)
    return commands | (set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)) - FLAGS - OTHER_FLAGS)


@TEXTS
def test_no_text_names_an_unknown_command_or_flag(path):
    assert not unknown(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("planted", "caught"),
    [
        ("use `policysearch serach`", "serach"),
        ("`--trails`", "--trails"),
        ("```sh\npolicysearch search --ot x\n```", "--ot"),
    ],
)
def test_planted_names_are_caught(planted, caught):
    assert unknown(planted) == {caught}


def test_presets_that_are_named_exist():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (README, *PAGES))
    specs = set(
        re.findall(r"`((?:flip\+)?(?:randaugment|trivialaugment|soft-crop|flip-crop|identity)[\w:,.-]*)`", text)
    )
    assert len(specs) >= 5
    for spec in specs - {"randaugment-grid"}:
        named_policy(spec)


def test_the_transcript_is_of_the_published_search(monkeypatch, capsys):
    (transcript,) = [block.text for block in blocks("text") if block.page == "README"]
    rows = [line.split() for line in transcript.splitlines() if "%" in line and "points" not in line]
    monkeypatch.chdir(ROOT)
    code, out, _ = call(monkeypatch, capsys, "show", "results/2026-12-01_recipe-searches/fashion-small-0")
    printed = [line.split() for line in out.splitlines()]
    assert code == 0 and len(rows) >= 5
    assert [row for row in rows if row not in printed] == []


def test_pages_are_listed(monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, "guide")
    assert code == 0 and not err
    subjects = [line.removesuffix(":") for line in out.splitlines() if line.endswith(":")]
    index = guide_pages()["index"]
    assert subjects == re.findall(r"^## (.+)$", index, re.MULTILINE)
    rows = [line.split(maxsplit=1) for line in out.splitlines() if line and line[0] != "`" and line[-1] != ":"]
    texts = {path.stem: path.read_text(encoding="utf-8").splitlines()[2] for path in PAGES}
    assert rows == [[page, texts[page]] for _, page in listed(index)]


def test_a_page_is_shown_as_it_is_where_no_terminal_is(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "guide", "data")
    assert code == 0 and out == guide_pages()["data"]


def test_a_page_is_laid_out_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call(monkeypatch, capsys, "guide", "glossary")
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert code == 0 and "• arm: a policy" in plain and "**arm**" not in plain
    assert max(map(len, plain.splitlines())) <= 80


def test_an_unknown_page_is_answered_with_the_nearest(monkeypatch, capsys):
    code, _, err = call(monkeypatch, capsys, "guide", "sapces")
    assert code == 2 and "did you mean spaces" in err


def test_summary():
    assert summary("# Title\n\nWhat it is.\n\nMore.\n") == "What it is."
