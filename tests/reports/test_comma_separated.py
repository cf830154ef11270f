"""Tables as CSV: what a program reads is what the table says."""

from __future__ import annotations

import csv
import io
from urllib.parse import unquote

import pytest

from policysearch.reports.comma_separated import comma_separated
from policysearch.reports.html.markup import table
from policysearch.reports.table import Grid
from tests.support.html_pages import SAVED, read

ODD = "<script>&\"a,b\"\n'ü'"


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("head", "cells", "columns"),
    [
        ("share", ["12 %", "–"], [["share (%)", "12", ""]]),
        ("pulls", ["1,234", "5"], [["pulls", "1234", "5"]]),
        ("pulls", ["12 (+3 cheaper)", "5"], [["pulls", "12 (+3 cheaper)", "5"]]),
        ("time", ["1.5 s", "20 ms"], [["time", "1.5 s", "20 ms"]]),
        (
            "minus x [95 %]",
            ["+1.22 points [0.46, 1.98]", "the winner itself"],
            [
                ["minus x (points)", "1.22", "the winner itself"],
                ["minus x (points) low", "0.46", ""],
                ["minus x (points) high", "1.98", ""],
            ],
        ),
        (
            "change [95 %]",
            ["+1.5 points [1, 2]", "-0.06 [-0.08, 0.01]"],
            [
                ["change", "1.5", "-0.06"],
                ["change low", "1", "-0.08"],
                ["change high", "2", "0.01"],
                ["change unit", "points", ""],
            ],
        ),
        ("note", ["=cmd()", "-1"], [["note", "'=cmd()", "'-1"]]),
        ("change", ["-1", "+2"], [["change", "-1", "2"]]),
    ],
)
def test_cells_become_numbers_where_they_are_numbers(head, cells, columns):
    grid = Grid("A", ("name", head), tuple((f"row {i}", cell) for i, cell in enumerate(cells)))
    assert [list(column) for column in zip(*rows_of(comma_separated(grid)), strict=True)][1:] == columns


def test_the_link_of_a_table_holds_all_of_it():
    grid = Grid(f"T {ODD}", ("name", "x"), ((ODD, "1"), ("#%25", "2")))
    page = read(table(grid))
    (address,) = page.values("a", "href")
    assert address and address.startswith(SAVED) and page.values("a", "download") == ["t-script-a-b.csv"]
    assert rows_of(unquote(address.partition(",")[2])) == [["name", "x"], [ODD, "1"], ["#%25", "2"]]
    assert "script" not in {tag for tag, _ in page.tags} and not page.open
