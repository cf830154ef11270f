"""A service on a port, and a client of it."""

from __future__ import annotations

import pytest

from policysearch.client import Service
from tests.support.live_service import live_house


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with live_house(tmp_path_factory.mktemp("state")) as served:
        yield served


@pytest.fixture
def anna(live):
    return Service(live.url, live.tokens["anna"])


@pytest.fixture
def ben(live):
    return Service(live.url, live.tokens["ben"])
