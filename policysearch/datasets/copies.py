"""Images that a data set holds more than once: exact and near copies, across its parts and inside them."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from policysearch.core.readable import some
from policysearch.datasets.near_copies import near_pairs
from policysearch.datasets.source import TEST, TRAIN, VALIDATION

_SHOWN = 3
_BOTH_SIDES = "and may be on both sides of the validation split"
_HEADER = ("image", "copy", "part", "part of the copy", "class", "class of the copy", "kind")


@dataclass(frozen=True)
class Copies:
    """Which images are the same.

    Attributes:
        first: [N] int64, for each image the first that is equal to it: itself where none is before it.
        near: [P, 2] int64, pairs of such first images that are nearly the same.
    """

    first: NDArray[np.int64]
    near: NDArray[np.int64]

    @classmethod
    def among(cls, pixels: NDArray[np.uint8]) -> Copies:
        """The copies and near-copies among images [N, C, H, W] uint8."""
        first = cls.equal(pixels).first
        return cls(first, near_pairs(pixels, np.unique(first)))

    @classmethod
    def equal(cls, pixels: NDArray[np.uint8]) -> Copies:
        """The copies alone among images [N, C, H, W] uint8: lines of text that nearly agree say something else."""
        seen: dict[bytes, int] = {}
        first = np.array([seen.setdefault(_fingerprint(image), i) for i, image in enumerate(pixels)], np.int64)
        return cls(first, np.empty((0, 2), np.int64))

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """[N] int64: a number for each image, the same for all that copies and near-copies link."""
        root = list(range(len(self.first)))

        def root_of(image: int) -> int:
            while root[image] != image:
                root[image] = root[root[image]]
                image = root[image]
            return image

        for one, other in self.near.tolist():
            root[root_of(other)] = root_of(one)
        return np.array([root_of(image) for image in self.first.tolist()], np.int64)

    def pairs(self) -> Iterator[tuple[int, int, bool]]:
        """(image, earlier image, whether they are equal): each later copy with the first, then the near pairs."""
        for image in np.flatnonzero(self.first != np.arange(len(self.first))).tolist():
            yield image, int(self.first[image]), True
        for one, other in self.near.tolist():
            yield other, one, False


@dataclass(frozen=True)
class Images:
    """What messages about copies say of the images.

    Attributes:
        names: what a person finds each by.
        labels: [N] int64.
        classes: the name of each class.
        parts: [N], which part each is in.
        set_aside: whether the test part was taken from the training part, not given.
        groups: [N] int64; those of one group stay on one side of a split.
    """

    names: Sequence[str]
    labels: NDArray[np.int64]
    classes: Sequence[str]
    parts: NDArray[np.str_]
    set_aside: bool
    groups: NDArray[np.int64]


def copy_warnings(copies: Copies, images: Images) -> list[str]:
    """What a person should know: copies across parts, and in a training part that is still to be split.

    Args:
        copies: of these images.
        images: their names, labels, parts and groups.
    """
    warnings = []
    for part, other in ((VALIDATION, TRAIN), (TEST, TRAIN), (TEST, VALIDATION)):
        warnings += _across(copies, images, part, other)
    if VALIDATION not in images.parts:
        warnings += _inside(copies, images)
    return warnings + _labels_differ(copies, images)


def listed(copies: Copies, images: Images) -> tuple[str, ...]:
    """All pairs as lines of CSV, with a header; empty where there are none."""
    lines = []
    for image, other, equal in copies.pairs():
        both = [image, other]
        names, classes = [images.names[i] for i in both], [images.classes[images.labels[i]] for i in both]
        lines.append(_csv_line([*names, *images.parts[both], *classes, "exact" if equal else "near"]))
    return (_csv_line(_HEADER), *lines) if lines else ()


def _csv_line(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def _across(copies: Copies, images: Images, part: str, other: str) -> list[str]:
    """Images of one part that are also, or nearly, in another."""
    rows, others = np.flatnonzero(images.parts == part), np.flatnonzero(images.parts == other)
    one_of = dict(zip(copies.first[others][::-1].tolist(), others[::-1].tolist(), strict=True))
    partners = _near_partners(copies)
    exact, near = [], []
    for row in rows.tolist():
        first = int(copies.first[row])
        close = [one_of[image] for image in partners.get(first, ()) if image in one_of]
        if first in one_of:
            exact.append((row, one_of[first]))
        elif close:
            near.append((row, close[0]))
    all_of = f"of {len(rows)} {part} images are"
    advice = "remove them from one part"
    if images.set_aside and (part, other) == (TEST, TRAIN):
        advice = "remove them, or keep them together by --group near"
    also = [(exact, f"also {_whole(other)} images"), (near, f"nearly the same as {_whole(other)} images")]
    return [f"{len(pairs)} {all_of} {what} ({_shown(pairs, images)}): {advice}" for pairs, what in also if pairs]


def _whole(part: str) -> str:
    return "training" if part == TRAIN else part


def _inside(copies: Copies, images: Images) -> list[str]:
    """Training images that are also, or nearly, in another group of the training part."""
    rows = np.flatnonzero(images.parts == TRAIN)
    first_in: dict[int, int] = {}
    exact = []
    for row in rows.tolist():
        earlier = first_in.setdefault(int(copies.first[row]), row)
        if images.groups[earlier] != images.groups[row]:
            exact.append((row, earlier))
    near = [
        (first_in[other], first_in[one])
        for one, other in copies.near.tolist()
        if one in first_in and other in first_in and images.groups[first_in[one]] != images.groups[first_in[other]]
    ]
    alike = {row for pair in near for row in pair}
    warnings = []
    if exact:
        warnings.append(
            f"{len(exact)} of {len(rows)} training images are copies of others ({_shown(exact, images)}), "
            f"{_BOTH_SIDES}: remove them, or keep copies together by --group near"
        )
    if near:
        warnings.append(
            f"{len(alike)} of {len(rows)} training images are nearly the same as others ({_shown(near, images)}), such "
            f"as frames, crops or files saved again, {_BOTH_SIDES}: keep them together by --group near"
        )
    return warnings


def _near_partners(copies: Copies) -> dict[int, list[int]]:
    partners: dict[int, list[int]] = {}
    for one, other in copies.near.tolist():
        partners.setdefault(one, []).append(other)
        partners.setdefault(other, []).append(one)
    return partners


def _labels_differ(copies: Copies, images: Images) -> list[str]:
    pairs = [pair for *pair, _ in copies.pairs() if len(set(images.labels[pair])) > 1]
    if not pairs:
        return []
    shown = [" = ".join(_with_class(row, images) for row in pair) for pair in pairs]
    return [
        f"{len(pairs)} pairs of copies or near-copies have different labels ({some(shown, _SHOWN)}): "
        "one of the two may be wrong"
    ]


def _with_class(row: int, images: Images) -> str:
    return f"{images.names[row]} as {images.classes[images.labels[row]]!r}"


def _shown(pairs: Sequence[tuple[int, int]], images: Images) -> str:
    return some([f"{images.names[image]} = {images.names[other]}" for image, other in pairs], _SHOWN)


def _fingerprint(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
