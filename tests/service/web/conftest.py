"""A service for each file of tests."""

from __future__ import annotations

import pytest

from tests.support.web_client import house


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with house(tmp_path_factory.mktemp("web") / "state") as built:
        yield built
