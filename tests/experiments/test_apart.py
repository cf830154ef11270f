"""What a light controller has done in a process apart: the same sentences, notes and files as when it is done here."""

from __future__ import annotations

from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.apart import called_apart, is_light
from policysearch.experiments.search.figure import write_picture
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import search, write_page
from policysearch.experiments.torch_checks import network_notes
from policysearch.study.config import make_config
from tests.support.quick import QuickSetup, config_for

FACTORIES = """
import torch
from torch import nn

def raising(): raise ValueError("no luck")
def unfit(): return nn.Identity()
def no_network(): return 3
def seeded(classes):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
def viewing(classes): return nn.Sequential(nn.Conv2d(1, 4, 3), Viewing(), nn.LazyLinear(classes))

class Viewing(nn.Module):
    def forward(self, x): return x.view(len(x), -1)
"""
BAD = (
    "factories.py:raising",
    "factories.py:unfit",
    "factories.py:no_network",
    "factories.py:absent",
    "torchvision:resnet1",
)
SHAPE, CLASSES = (1, 8, 8), 3


@pytest.fixture
def factories(tmp_path, monkeypatch) -> None:
    (tmp_path / "factories.py").write_text(FACTORIES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def light(monkeypatch) -> None:
    """As if torch were not loaded here."""
    monkeypatch.setattr("policysearch.experiments.apart.is_light", lambda config: True)
    monkeypatch.setattr("policysearch.experiments.torch_checks.is_light", lambda config: True)


def sentence_on(model: str) -> str:
    with pytest.raises(UserError) as error:
        network_notes(make_config({"model": model}), SHAPE, CLASSES, 2)
    return str(error.value)


def test_a_wrong_network_has_the_same_sentence(factories, monkeypatch, request):
    here = [sentence_on(model) for model in BAD]
    request.getfixturevalue("light")
    assert [sentence_on(model) for model in BAD] == here


def test_an_odd_network_has_the_same_notes(factories, request):
    configs = [make_config({"model": f"factories.py:{name}"}) for name in ("seeded", "viewing")]
    here = [network_notes(config, SHAPE, CLASSES, 2) for config in configs]
    request.getfixturevalue("light")
    assert [network_notes(config, SHAPE, CLASSES, 2) for config in configs] == here
    assert all(here)


def test_a_wrong_network_is_reported_before_anything_is_written(factories, light, npz):
    before = {path for path in Path().rglob("*.*") if "__pycache__" not in path.parts}
    with pytest.raises(UserError, match="no luck"):
        search(config_for(Path("run"), data=str(npz), model="factories.py:raising"))
    assert {path for path in Path().rglob("*.*") if "__pycache__" not in path.parts} == before


def test_the_page_and_the_picture_are_the_same(tmp_path, monkeypatch, request):
    monkeypatch.setattr("workers.evaluate.ChildSetup", QuickSetup)
    folder = search(config_for(tmp_path / "run")).folder
    files = {name: (folder / name).read_bytes() for name in ("report.html", "search.png")}
    result, material = read_both(folder)
    request.getfixturevalue("light")
    called_apart(result.config, write_page, material, result.config.data)
    config = result.config
    called_apart(config, write_picture, folder / "search.png", material.searched, result.summaries, config)
    assert {name: (folder / name).read_bytes() for name in files} == files


@pytest.mark.parametrize(
    ("settings", "loaded", "light"),
    [
        ({}, False, True),
        ({"workers": 2}, False, True),
        ({"workers": 0}, False, False),
        ({"pool": "ray", "workers": 2}, False, False),
        ({"model": "__main__:Network"}, False, False),
        ({}, True, False),
    ],
)
def test_a_controller_is_light_where_others_train(settings, loaded, light, monkeypatch):
    modules = {"torch": None} if loaded else {}
    monkeypatch.setattr("policysearch.experiments.apart.sys.modules", modules)
    assert is_light(make_config(settings)) is light
