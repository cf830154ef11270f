"""What a comparison leaves: JSON that can be read back, a page that needs nothing else, tables in the terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from policysearch.experiments.comparison.files import SCHEMA, as_json, write_json
from policysearch.experiments.comparison.outcomes import Comparison
from policysearch.experiments.comparison.report import page, show, write_page
from policysearch.experiments.comparison.statistics import summary
from policysearch.reports.html.theme import LIGHT_AND_DARK
from tests.support.comparisons import CASES, ODD, html, made
from tests.support.html_pages import contrast, must_be_accessible, must_need_nothing, read
from tests.support.selection import slow_but

every_case = pytest.mark.parametrize("case", slow_but(["whole", "one run", "no truth", "live"], CASES))


@every_case
def test_the_page_is_whole_needs_nothing_else_and_says_it_all(case: str):
    told, found = summary(CASES[case]), read(html(case))
    must_need_nothing(found)
    assert "img" not in {tag for tag, _ in found.tags}
    text = "".join(found.text)
    for sentence in (*(at.verdict.sentence for at in told.budgets), *told.cautions):
        assert sentence in text
    assert ("bootstrap of the table" in text) is not CASES[case].live
    assert "nan" not in text.lower()


def test_the_page_can_be_heard_and_walked_through():
    found = read(html())
    must_be_accessible(found)


def test_names_are_only_ever_text():
    assert "<b>" not in html() and "&amp;amp;" not in html()
    found = read(html())
    assert "b" not in {tag for tag, _ in found.tags}
    assert any(ODD in text for text in found.text), "in a table"
    assert sum(text.strip() == ODD for text in found.text) > 10, "and in the legends of the plots"


def test_the_page_follows_the_reader_s_colours():
    raw = html()
    assert "prefers-color-scheme: dark" in raw and "currentColor" in raw and "var(--s1)" in raw
    assert not [token for token in ("#010203", "#0a0b0", "#000000", "<image") if token in raw]
    for both in LIGHT_AND_DARK:
        for colour, ground in zip(both, ("#ffffff", "#14181d"), strict=True):
            assert contrast(colour, ground) >= 4.5


@every_case
def test_json_can_be_read_back(case: str, tmp_path: Path):
    comparison, told = CASES[case], summary(CASES[case])
    write_json(told, comparison, tmp_path / "comparison.json")
    text = (tmp_path / "comparison.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found == as_json(told, comparison)
    assert found["schema"] == SCHEMA and [at["budget"] for at in found["budgets"]] == [b.budget for b in told.budgets]
    assert list(tmp_path.iterdir()) == [tmp_path / "comparison.json"]
    for at, own in zip(found["budgets"], told.budgets, strict=True):
        assert at["verdict"]["sentence"] == own.verdict.sentence
        assert [r["simple"]["mean"] for r in at["results"]] == [r.simple.mean for r in own.results]
        assert at["curves"]["within against pulls"][0]["mean"] == own.curves["within", "pulls"][0].mean.tolist()


def test_the_same_comparison_gives_the_same_bytes():
    again, first = made(names=("ucb",)), CASES["one strategy"]
    assert json.dumps(as_json(summary(again), again)) == json.dumps(as_json(summary(first), first))
    assert page(summary(again), again) == html("one strategy")


def test_an_old_page_is_replaced(tmp_path: Path):
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")
    write_page(summary(CASES["one strategy"]), CASES["one strategy"], path)
    assert path.read_text(encoding="utf-8") == html("one strategy") and list(tmp_path.iterdir()) == [path]


def shown(comparison: Comparison, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    show(summary(comparison), comparison, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


@every_case
def test_the_terminal_ends_with_the_verdict(case: str):
    text = shown(CASES[case], 100)
    assert max(map(len, text.splitlines())) <= 100
    last = " ".join(text.rsplit("\n\n", 1)[1].split())
    assert last == " ".join(summary(CASES[case]).budgets[-1].verdict.sentence.split())
    assert "nan" not in text


def test_the_terminal_shows_names_as_they_are():
    assert ODD in shown(made(), 140)


def test_one_run_has_no_interval_anywhere():
    text = shown(CASES["one run"], 100)
    assert "–" in text and "[0." not in text
