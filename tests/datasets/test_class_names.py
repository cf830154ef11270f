"""A file in a folder of images that names its classes otherwise than their folders do."""

from __future__ import annotations

import json

import pytest

from policysearch.core.errors import UserError
from policysearch.datasets.image_folder import CLASS_NAMES, ImageFolder
from policysearch.datasets.load import load
from tests.support.image_files import some_images, write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    return write_folder(tmp_path / "images", some_images(30), names=("0", "1"))


def test_the_names_are_those_of_the_file(folder):
    (folder / CLASS_NAMES).write_text(json.dumps({"0": "cat/dog", "2": "nobody"}))
    assert ImageFolder(folder).listing(None).classes == ("cat/dog", "1")
    assert load(str(folder)).classes == ("cat/dog", "1")


def test_other_names_are_other_data(folder):
    plain = load(str(folder))
    (folder / CLASS_NAMES).write_text(json.dumps({"0": "cat"}))
    assert load(str(folder)).digest != plain.digest


@pytest.mark.parametrize("text", ["", "[]", '{"0": 1}', "[" * 50_000])
def test_a_file_that_is_none_is_said(folder, text):
    (folder / CLASS_NAMES).write_text(text)
    with pytest.raises(UserError, match="name of every class by its folder"):
        ImageFolder(folder).listing(None)
