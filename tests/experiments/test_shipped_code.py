"""Which code goes to workers on other machines."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import policysearch
from policysearch.experiments.shipped_code import code_to_ship


def test_the_program_is_sent_whole(tmp_path):
    places = [Path(place) for place in code_to_ship([], tmp_path)]
    assert [place.name for place in places] == ["policysearch", "search_spaces", "workers"]
    assert all((place / "__init__.py").exists() for place in places)
    assert len(policysearch.__path__) > 1, "otherwise this does not test what it is for"


def test_a_users_package_is_sent_whole_even_where_it_looks_for_modules_elsewhere_too(tmp_path, monkeypatch):
    package = tmp_path / "wide_package"
    (package / "more").mkdir(parents=True)
    (package / "__init__.py").write_text(f"__path__.append({str(package / 'more')!r})\n")
    (tmp_path / "spread" / "part").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    import_module("wide_package")
    import_module("spread.part")
    try:
        places = code_to_ship(["wide_package:network"], tmp_path / "copies")
    finally:
        for name in ("wide_package", "spread", "spread.part"):
            sys.modules.pop(name, None)
    assert str(package) in places and str(tmp_path / "spread") in places
