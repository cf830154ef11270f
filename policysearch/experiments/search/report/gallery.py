"""What the final policy does to an image of each class, one strip a class."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from policysearch.core.readable import readable_name
from policysearch.core.tasks import task_named
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.search.report.classes import effects_of
from policysearch.experiments.search.report.data import Material
from policysearch.policy.policy import Policy
from policysearch.reports.html.markup import folded, heading, paragraph
from policysearch.reports.numbers import PERCENT
from policysearch.reports.preview.figure import BATCH, drawn_batch
from policysearch.reports.preview.sheet import Picture
from policysearch.stats.class_effects import ClassEffect

_MOST, _UNFOLDED = 100, 24  # classes
_DRAWS, _DRAWS_OF_MANY = 4, 3
_SIDE = 72  # pixels, of a picture's longer side
_SMALL = 40  # images of fewer pixels are shown pixel by pixel, and kept without loss where classes are few
_NOTE = "Of each strip the first picture is a training image as it is, the others are draws of the policy."


def gallery(material: Material, data: Dataset | str) -> Iterator[str]:
    """A strip for each class, with its accuracy where that is known; nothing without a policy, classes or images."""
    policy = material.policy
    if policy is None or isinstance(data, str) or not _has_classes(material, data) or policy.pair is not None:
        return
    effects = effects_of(material)
    by_name = {effect.name: effect for effect in effects.classes} if effects else {}
    train = split(data, material.config.validation, material.config.split_seed).train
    classes = _chosen(data, train, by_name)
    strips = _strips(policy, data, train, classes)
    whole = max(data.shape[1:]) < _SMALL and len(classes) <= _UNFOLDED
    figures = [
        _figure(strip, data.classes[label], by_name, "png" if whole else "jpeg")
        for strip, label in zip(strips, classes, strict=True)
    ]
    yield heading(3, "What it does to each class")
    more = f" {len(classes)} of {len(data.classes):,} classes." if len(classes) < len(data.classes) else ""
    yield paragraph(_NOTE + more, "note")
    yield _grid(figures[:_UNFOLDED])
    rest = figures[_UNFOLDED:]
    yield folded(f"{len(rest)} more classes", _grid(rest)) if rest else ""


def _has_classes(material: Material, data: Dataset) -> bool:
    """Whether each image has one class, which its label is."""
    labels: NDArray[Any] = data.y_train
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    return bool(task_named(material.config.task).has_classes and data.has_classes and whole)


def _chosen(data: Dataset, train: NDArray[np.int64], effects: dict[str, ClassEffect]) -> list[int]:
    """The labels that are shown, in order: of many those with the largest losses, where they are known."""
    there = np.unique(data.y_train[train]).tolist()
    if len(there) > _MOST and effects:
        lowest = {label: effects[data.classes[label]].lowest for label in there if data.classes[label] in effects}
        there = sorted(there, key=lambda label: lowest.get(label, np.inf))
    return sorted(there[:_MOST])


def _strips(policy: Policy, data: Dataset, train: NDArray[np.int64], classes: Sequence[int]) -> list[list[Picture]]:
    """An image of each class and its draws; what a mix brings in is from the same classes and others at random."""
    rng = np.random.default_rng(0)
    order = rng.permutation(train)
    labels = data.y_train[order]
    first = [int(order[np.argmax(labels == label)]) for label in classes]
    others = order[~np.isin(order, first)][: max(0, BATCH - len(first))]
    batch = np.array([*first, *others])
    images = np.ascontiguousarray(np.stack([data.x_train[i] for i in batch]))
    draws = _DRAWS if len(classes) <= _UNFOLDED else _DRAWS_OF_MANY
    return drawn_batch(policy, images, data.y_train[batch], data.classes, rows=len(classes), draws=draws)


def _figure(strip: Sequence[Picture], name: str, effects: dict[str, ClassEffect], kind: str) -> str:
    effect = effects.get(name)
    words = f" {PERCENT.value(effect.accuracy.mean)}" if effect else ""
    words += ", clearly worse" if effect and effect.harm else ""
    caption = f"<figcaption><strong>{escape(readable_name(name))}</strong>{escape(words)}</figcaption>"
    source, width, height = _encoded([picture.image for picture in strip], kind)
    small = ' class="small"' if height < _SMALL else ""
    spoken = escape(f"{readable_name(name)}: an image as it is, and {len(strip) - 1} draws")
    return f'<figure><img{small} alt="{spoken}" width="{width}" height="{height}" src="{source}">{caption}</figure>'


def _encoded(images: Sequence[NDArray[np.uint8]], kind: str) -> tuple[str, int, int]:
    """Pictures side by side as an address of data, and their size."""
    tiles = [Image.fromarray(np.ascontiguousarray(image)) for image in images]
    for tile in tiles:
        tile.thumbnail((_SIDE, _SIDE))
    width, height = tiles[0].size
    strip = Image.new(tiles[0].mode, ((width + 1) * len(tiles) - 1, height), 127 if tiles[0].mode == "L" else "grey")
    for place, tile in enumerate(tiles):
        strip.paste(tile, ((width + 1) * place, 0))
    file = io.BytesIO()
    strip.save(file, format=kind, **({"quality": 85} if kind == "jpeg" else {"optimize": True}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}", *strip.size


def _grid(figures: Sequence[str]) -> str:
    return f'<div class="gallery">{"".join(figures)}</div>'
