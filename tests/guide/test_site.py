"""What `make docs` needs, checked without MkDocs: each public name has its place among the pages of the API."""

from __future__ import annotations

import ast

import policysearch
from tests.support.markdown import ROOT

HOOKS = ast.parse((ROOT / "docs" / "hooks.py").read_text(encoding="utf-8"))


def names_of_the_api() -> list[str]:
    (table,) = [
        node.value
        for node in HOOKS.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "API" and isinstance(node.value, ast.Dict)
    ]
    constants = [node for value in table.values for node in ast.walk(value) if isinstance(node, ast.Constant)]
    return [str(constant.value) for constant in constants]


def test_each_public_name_is_on_a_page_of_the_api():
    assert sorted([*names_of_the_api(), "__version__"]) == sorted(policysearch.__all__)
