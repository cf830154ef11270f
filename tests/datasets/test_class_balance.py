"""Warnings where the accuracy on the validation part hardly shows a class."""

from __future__ import annotations

import json

import numpy as np
import pytest

from policysearch.datasets.class_balance import rare_class_notes
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.search.run import search
from tests.support.quick import config_for, write_npz


def notes(*images: int, validation: int | None = None) -> list[str]:
    """Of a data set with so many training images of each class."""
    labels = np.repeat(np.arange(len(images)), images)
    pixels = np.zeros((len(labels), 1, 8, 8), np.uint8)
    classes = tuple(f"class-{k}" for k in range(len(images)))
    dataset = Dataset("uneven", pixels, labels, pixels[:0], labels[:0], classes)
    return rare_class_notes(dataset, split(dataset, validation, 0))


def test_rare_classes_are_named_with_their_validation_images():
    (text,) = notes(403, 4, 3)
    assert text.startswith(
        "2 classes have too few validation images to tell arms apart ('class-1' 1, 'class-2' 1 of 136)"
    )
    assert "--reward balanced-accuracy" in text
    (text,) = notes(300, 300, 21)
    assert text.startswith("a class has too few validation images to tell arms apart ('class-2' 7 of 207)")


@pytest.mark.parametrize("images", [(30,) * 40, (300, 300, 90), (30, 24, 27), (1000, 100)])
def test_even_classes_and_those_with_enough_images_are_not(images):
    assert notes(*images) == []


def test_a_larger_validation_part_may_be_enough():
    assert notes(1000, 60, validation=530) == [] and notes(1000, 60, validation=200)


def test_a_search_warns_of_rare_classes_and_keeps_the_warning(quick, tmp_path):
    labels = np.repeat(np.arange(3), [82, 4, 4])
    data = str(write_npz(tmp_path / "uneven.npz", y_train=labels))
    with pytest.warns(UserWarning, match="2 classes have too few validation images"):
        search(config_for(tmp_path / "run", data=data, images=20, trials=4, confirm=1))
    texts = json.loads((tmp_path / "run" / "policy.json").read_text())["about"]["warnings"]
    assert sum("too few validation images to tell arms apart" in text for text in texts) == 1
