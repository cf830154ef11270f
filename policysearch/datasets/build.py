"""From decoded images to the parts of a data set: classes, groups, and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.core.task import Needs
from policysearch.datasets.copies import Copies, Images, copy_warnings, listed
from policysearch.datasets.decoded import Decoded
from policysearch.datasets.groups import grouped, is_near
from policysearch.datasets.segmentation.contents import MASK, Shown, mask_classes
from policysearch.datasets.source import TEST, TRAIN, VALIDATION, Item, Listing
from policysearch.datasets.split import cut
from policysearch.datasets.targets.checks import checked_targets, rows_as_classes
from policysearch.datasets.targets.kinds import Targets, default_names
from policysearch.datasets.targets.strata import one_stratum, strata_of
from policysearch.datasets.text_lines.contents import LINE, Contents, line_notes, texts_as_classes

UNLABELLED = ("unlabelled",)
"""The classes of images without labels."""
_FOR_NO_LABELS = "; images without labels are for --task self-supervised"
_TEST_SHARE, _TEST_MOST = 0.2, 10_000


@dataclass(frozen=True)
class Parts:
    """Which decoded image goes where.

    Attributes:
        classes: a name for each class.
        labels: [N] int64, the decoded images' labels, numbers of these classes.
        train, validation, test: indices into the decoded images, int64; validation is empty where the data have none.
        groups: [N_train + N_validation] int64, or None.
        warnings: what a person should know, a sentence each.
        copies: all copies and near-copies, as lines of CSV.
        labelled: whether the labels are those of the images; else they are all 0.
        texts: what each decoded image says; empty where there are no texts.
        widths: how many columns of each image hold it.
        targets: [N, K] labels or numbers of the decoded images, whose `classes` are then strata; None without.
        target_names: of the K targets.
        mask_classes: a name for each class of pixels; empty where there are no masks.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    warnings: tuple[str, ...]
    copies: tuple[str, ...]
    labelled: bool = True
    texts: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    targets: Targets | None = None
    target_names: tuple[str, ...] = ()
    mask_classes: tuple[str, ...] = ()


def assembled(listing: Listing, decoded: Decoded, group: str | None, needs: Needs = "labels") -> Parts:
    """The parts; without a test part, a fifth of the training part (at most 10,000 images) is set aside as one.

    Args:
        listing: what the source gave.
        decoded: what of it could be read.
        group: the setting `--group`.
        needs: what there must be besides images.

    Raises:
        UserError: targets that cannot be learned, fewer than two classes, a label outside them, or no group for an
            image.
    """
    items = [listing.items[i] for i in decoded.indices]
    part = np.array([item.part for item in items])
    train, validation, test = (np.flatnonzero(part == name) for name in (TRAIN, VALIDATION, TEST))
    if not len(train):
        raise UserError("there are no training images")

    learned = _learned(listing, decoded, items, train, needs, bool(group))
    copies = (Copies.equal if listing.has_texts else Copies.among)(decoded.pixels)
    groups = _groups(items, part, copies, group)
    warnings = [*listing.warnings, *_left_out(decoded), *learned.notes, *decoded.warnings]

    set_aside = not len(test)
    if set_aside:
        test = _set_aside(train, learned.labels, groups if group else None, learned.classes)
        train = np.setdiff1d(train, test)
        part[test] = TEST
        warnings.append(f"there is no test part: a fixed choice of {len(test)} of the images was set aside as one")

    names = [readable_name(item.name) for item in items]
    rows_of = {TRAIN: train, VALIDATION: validation, TEST: test}
    texts, of_lines = _texts(items, decoded, names, rows_of, set_aside) if listing.has_texts else ((), [])
    classes_of_pixels, of_masks = _mask_classes(listing, decoded, names, rows_of)
    images = Images(names, *(texts_as_classes(texts) if texts else learned.shown), part, set_aside, groups)
    warnings += [*of_lines, *of_masks, *copy_warnings(copies, images)]

    both = np.concatenate([train, validation])
    return Parts(
        learned.classes,
        learned.labels,
        train,
        validation,
        test,
        np.unique(groups[both], return_inverse=True)[1].astype(np.int64) if group else None,
        tuple(warnings),
        listed(copies, images),
        listing.labelled,
        texts,
        decoded.widths if texts else (),
        learned.targets,
        learned.target_names,
        classes_of_pixels,
    )


@dataclass(frozen=True)
class _Learned:
    """What children learn of the images.

    Attributes:
        classes, labels: those of the images, or strata of their targets.
        targets, target_names: [N, K], and what the K are; None and empty where an image has one label.
        notes: sentences on what was left out.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    targets: Targets | None
    target_names: tuple[str, ...]
    notes: list[str]

    @property
    def shown(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Labels and classes as a person takes them, by which copies differ: each different row of targets is one."""
        if self.targets is None:
            return self.labels, self.classes
        return rows_as_classes(self.targets, self.target_names)


def _learned(
    listing: Listing,
    decoded: Decoded,
    items: Sequence[Item],
    train: NDArray[np.int64],
    needs: Needs,
    in_groups: bool,
) -> _Learned:
    if not listing.has_targets:
        classes, labels, without_images = _labels_of(listing, items, decoded.labels, train)
        return _Learned(classes, labels, None, (), without_images)
    targets, names, notes = _targets_of(listing, items, train, needs)
    labels, classes = one_stratum(len(items)) if in_groups else strata_of(needs, targets, names, train)
    return _Learned(classes, labels, targets, names, notes)


def _groups(items: Sequence[Item], part: NDArray[np.str_], copies: Copies, group: str | None) -> NDArray[np.int64]:
    """[N] the group of each image; groups of training images are apart from all others."""
    groups, train = np.arange(len(items)), np.flatnonzero(part == TRAIN)
    if is_near(group):
        groups = copies.groups.copy()
    elif group is not None:
        in_training = [items[i] for i in train.tolist()]
        groups[train] = grouped(group, [item.name for item in in_training], [item.group for item in in_training])
    groups[part != TRAIN] += len(items)
    return groups


def _texts(
    items: Sequence[Item],
    decoded: Decoded,
    names: Sequence[str],
    rows_of: Mapping[str, NDArray[np.int64]],
    set_aside: bool,
) -> tuple[tuple[str, ...], list[str]]:
    """What the lines say, and sentences on them."""
    texts = tuple(item.text or "" for item in items)
    contents = Contents(names, texts, decoded.widths, decoded.pixels.shape[2])
    return texts, line_notes(contents, rows_of, set_aside)


def _mask_classes(
    listing: Listing, decoded: Decoded, names: Sequence[str], rows_of: Mapping[str, NDArray[np.int64]]
) -> tuple[tuple[str, ...], list[str]]:
    """The classes of pixels, and sentences on them; both empty without masks."""
    if decoded.masks is None:
        return (), []
    return mask_classes(Shown(names, decoded.masks, listing.classes), rows_of)


def _left_out(decoded: Decoded) -> list[str]:
    if not decoded.damaged:
        return []
    number = counted(len(decoded.damaged), "image that cannot be read was", "images that cannot be read were")
    return [f"{number} left out: {some(decoded.damaged)}"]


def _targets_of(
    listing: Listing, items: Sequence[Item], train: NDArray[np.int64], needs: Needs
) -> tuple[Targets, tuple[str, ...], list[str]]:
    """The images' targets with their names, and sentences on them."""
    rows = np.stack([item.targets for item in items if item.targets is not None])
    return checked_targets(needs, rows, listing.classes or default_names(needs, rows.shape[1]), items, train)


def _labels_of(
    listing: Listing, items: Sequence[Item], labels: NDArray[np.int64], train: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64], list[str]]:
    """The classes, the images' labels as their numbers, and a sentence on classes without images."""
    if listing.has_texts or listing.has_masks or not listing.labelled:
        whole = LINE if listing.has_texts else MASK if listing.has_masks else UNLABELLED
        return whole, np.zeros(len(items), np.int64), []
    return _only_classes_with_images(_classes(listing, items, labels, train), items, labels, train)


def _classes(
    listing: Listing, items: Sequence[Item], labels: NDArray[np.int64], train: NDArray[np.int64]
) -> tuple[str, ...]:
    count = int(labels[train].max()) + 1
    if listing.classes is None and count > len(train):
        raise UserError(f"y_train has label {count - 1}, more than its {len(train)} images can show: labels run from 0")
    if listing.classes is None and labels[train].min() > 0:
        raise UserError(f"labels must start at 0; those of the training images run from {labels[train].min()}")
    classes = tuple(map(readable_name, listing.classes or map(str, range(count))))
    for i in np.flatnonzero((labels < 0) | (labels >= len(classes)))[:1]:
        if not classes:
            raise UserError(f"all training images have the label -1, that of a hidden label{_FOR_NO_LABELS}")
        hint = "; -1 stands for a hidden label as a rule: remove such images" if labels[i] == -1 else ""
        raise UserError(
            f"{items[i].name} has label {labels[i]}, but there are {len(classes)} classes "
            f"(0 to {len(classes) - 1}){hint}"
        )
    if len(np.unique(labels[train])) < 2:
        raise UserError(f"the training images are of one class; a search needs two or more{_FOR_NO_LABELS}")
    return classes


def _only_classes_with_images(
    classes: tuple[str, ...], items: Sequence[Item], labels: NDArray[np.int64], train: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64], list[str]]:
    """The classes that have training images, the labels as their numbers, and a sentence on the others."""
    present = np.bincount(labels[train], minlength=len(classes)) > 0
    if present.all():
        return classes, labels, []
    for i in np.flatnonzero(~present[labels])[:1]:
        raise UserError(
            f"{items[i].name} is of class {classes[labels[i]]!r}, which has no training images: "
            f"a class must have {TRAIN} images"
        )
    empty = [name for name, has_images in zip(classes, present, strict=True) if not has_images]
    names = tuple(name for name, has_images in zip(classes, present, strict=True) if has_images)
    numbers = np.cumsum(present, dtype=np.int64) - 1
    return names, numbers[labels], [f"classes without images are left out: {some(empty)}"]


def _set_aside(
    train: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    classes: tuple[str, ...],
) -> NDArray[np.int64]:
    size = min(int(len(train) * _TEST_SHARE), _TEST_MOST)
    counts = np.bincount(labels[train], minlength=len(classes))
    if counts.min() < 3 or size < len(classes):
        k = int(counts.argmin())
        few = counted(int(counts[k]), "image", "images")
        if len(classes) == 1:
            raise UserError(f"there is no test part, and only {few}: at least 5 are needed to train, validate and test")
        raise UserError(
            f"there is no test part, and only {few} of class {classes[k]!r}: "
            f"at least 3 per class (one each to train, validate and test) and {5 * len(classes)} in all are needed"
        )
    groups_of_train = None if groups is None else groups[train]
    return train[cut(labels[train], groups_of_train, size, np.random.default_rng(0), classes)]
