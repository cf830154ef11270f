"""A picture of what a policy does: training images, and several draws of each beside it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from policysearch.augmentation import augment
from policysearch.core.errors import UserError
from policysearch.core.files import replacing
from policysearch.core.readable import readable_name
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.targets.checks import shown_classes
from policysearch.policy.classes import softenings, unmeasured, without_unmeasured
from policysearch.policy.describe import in_words
from policysearch.policy.losses import loss_in_words, parse_loss
from policysearch.policy.mixes import mix_row
from policysearch.policy.policy import Policy
from policysearch.reports.preview.captions import captions
from policysearch.reports.preview.content import Content, content_pictures, training_content
from policysearch.reports.preview.masks import Masking
from policysearch.reports.preview.pairs import notes_on_pairs, pair_pictures
from policysearch.reports.preview.sheet import Picture, pixels, sheet

BATCH = 128  # images drawn together where they depend on each other
MOST = 20  # rows, and draws, of one picture


def write_preview(
    policy: Policy,
    dataset: Dataset,
    out: str | Path,
    *,
    images: int,
    draws: int,
    seed: int,
    progress: float,
    pairs: bool = False,
) -> list[str]:
    """Draw a policy on a data set's training part and write the picture; an old one is replaced when the new is done.

    Args:
        policy: what is drawn from.
        dataset: where the images are from.
        out: the picture, PATH.png.
        images: rows, as in `preview`; draws, seed, progress and pairs likewise.

    Returns:
        What to tell: the policy in words, and what the picture shows.

    Raises:
        UserError: something given is wrong, or `out` cannot be written.
    """
    must_be_png(out)
    train = (dataset.x_train, *shown_classes(dataset))
    numbers: Any = {"rows": images, "draws": draws, "seed": seed, "progress": progress}
    figure = preview(policy, *train, **numbers, pairs=pairs, content=training_content(dataset))
    write_figure(figure, Path(out))
    shown = "pairs of views" if pairs or policy.pair else "draws"
    where = f"{out}: {images} training images of {dataset.name}, {draws} {shown} of each"
    words = [f"{_title(policy, progress)}:", in_words(policy), *_loss(policy), *_of_labels(policy, dataset), ""]
    return [*words, *_of_networks(policy.at(progress)), where]


def _of_labels(policy: Policy, dataset: Dataset) -> list[str]:
    """What a picture shows otherwise of labels that are softened one by one."""
    if dataset.targets_train is None or not softenings(policy):
        return []
    return ["an image's labels are softened together here, in training each by itself down to its own frequency"]


def must_be_png(out: str | Path) -> None:
    """Check the name of a picture's file.

    Raises:
        UserError: the file's name does not end in .png.
    """
    if Path(out).suffix.lower() != ".png":
        raise UserError(f"the picture is a PNG: --out takes PATH.png, got {str(out)!r}")


def _loss(policy: Policy) -> list[str]:
    loss = parse_loss(policy.about.get("loss"))
    return [f"found with {loss_in_words(loss)}"] if loss else []


def preview(
    policy: Policy,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    rows: int,
    draws: int,
    seed: int = 0,
    progress: float = 0.0,
    pairs: bool = False,
    content: Content | None = None,
) -> Figure:
    """A figure with one row per image: on the left as it is, under it its class, beside it several draws.

    Under each draw stands what `captions` says. The images are of different classes as far as
    there are, chosen by seed; those a mix brings in are from the same batch. SnapMix gets uniform activation maps.

    Args:
        policy: what to draw from.
        images: [N, C, H, W] uint8, C 1 or 3.
        labels: [N] int64 in 0..len(class_names)-1.
        class_names: a name a class.
        rows: images shown, 1 to 20.
        draws: draws of each, 1 to 20.
        seed: 0 or more; the same seed gives the same figure.
        progress: share of training done, in [0, 1], for policies with stages.
        pairs: draw two views of each image, as always of a policy with a `pair`.
        content: what the images say, where they are lines of text, or their masks, where they have such.

    Raises:
        UserError: a number is out of its range, or there are fewer than `rows` images, or the policy gives no views.
    """
    pairs = pairs or policy.pair is not None
    numbers: Any = {"rows": rows, "draws": draws, "seed": seed, "progress": progress}
    grid = drawn_pictures(policy, images, labels, class_names, **numbers, pairs=pairs, content=content)
    notes = notes_on_pairs(policy) if pairs else preview_notes(policy.at(progress))
    notes += [content.legend] if isinstance(content, Masking) else []
    return sheet(_title(policy, progress), notes, grid)


def drawn_pictures(
    policy: Policy,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    rows: int,
    draws: int,
    seed: int = 0,
    progress: float = 0.0,
    pairs: bool = False,
    content: Content | None = None,
) -> list[list[Picture]]:
    """What a preview shows, and raises, as `rows` lists: an image as it is, then its draws, or pairs of views.

    The arguments are those of `preview`.
    """
    import torch

    _check(rows, draws, seed, len(images))
    if pairs or policy.pair is not None:
        chosen = _chosen(labels, rows, max(rows, BATCH), np.random.default_rng(seed))
        names = [class_names[label] for label in labels[chosen[:rows]]]
        generator = torch.Generator().manual_seed(seed)
        return pair_pictures(policy, torch.from_numpy(images[chosen]), names, draws, generator, progress)
    if content is not None:
        chosen = _chosen(labels, rows, min(len(images), max(rows, BATCH)), np.random.default_rng(seed))
        some, generator = torch.from_numpy(images[chosen]), torch.Generator().manual_seed(seed)
        return content_pictures(policy, some, content.of_rows(chosen), rows, draws, generator, progress)
    current = without_unmeasured(policy).for_classes(class_names).at(progress)
    chosen = _chosen(labels, rows, _batch_size(current, rows), np.random.default_rng(seed))
    batch = (images[chosen], labels[chosen], class_names)
    return drawn_batch(policy, *batch, rows=rows, draws=draws, seed=seed, progress=progress)


def drawn_batch(
    policy: Policy,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    rows: int,
    draws: int,
    seed: int = 0,
    progress: float = 0.0,
) -> list[list[Picture]]:
    """The first `rows` images of a batch that is drawn together, each as it is and then its draws.

    The other arguments are those of `preview`; mixes bring in images of the whole batch.
    """
    import torch

    current = without_unmeasured(policy).for_classes(class_names).at(progress)
    batch, batch_labels = torch.from_numpy(images), torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(seed)
    maps = torch.ones(len(batch), 1, 1)
    grid = [[Picture(pixels(batch[row].numpy()), (class_names[int(batch_labels[row])],))] for row in range(rows)]
    for _ in range(draws):
        out = augment(
            current, batch, batch_labels, num_classes=len(class_names), generator=generator, activation_maps=maps
        )
        words = captions(out, batch_labels, class_names, softened=bool(softenings(current)))
        for row in range(rows):
            grid[row].append(Picture(pixels(out.images[row].numpy()), words[row]))
    return grid


def _check(rows: int, draws: int, seed: int, total: int) -> None:
    for name, value, high in (("images", rows, min(MOST, total)), ("draws", draws, MOST), ("seed", seed, 2**63 - 1)):
        low = 0 if name == "seed" else 1
        if not low <= value <= high:
            raise UserError(f"--{name} must lie in [{low}, {high}], got {value}")


def _batch_size(current: Policy, rows: int) -> int:
    """A mix needs partners, and normalised weights their mean; without these, the rows shown are all it takes."""
    together = current.mix or (current.softening and current.softening.normalise)
    return max(rows, BATCH) if together else rows


def _chosen(labels: NDArray[np.int64], rows: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of `size` different images, one of each class, then a second one, ...; the first `rows` by class."""
    order = rng.permutation(len(labels))
    turn = np.zeros_like(order)
    for label in np.unique(labels):
        of_class = labels[order] == label
        turn[of_class] = np.arange(of_class.sum())
    place = rng.permutation(labels.max() + 1)[labels[order]]
    batch = order[np.lexsort((place, turn))][:size]
    batch[:rows] = batch[:rows][np.argsort(labels[batch[:rows]], kind="stable")]
    return batch


def _title(policy: Policy, progress: float) -> str:
    stage = f", {progress:.0%} of the training done" if policy.stages else ""
    return f"{policy.name or 'policy'} ({policy.hash}){stage}"


def preview_notes(
    current: Policy, places: tuple[str, ...] = ("left: training images as they are", "beside each: draws of the policy")
) -> list[str]:
    """What stands at which place, and what the words under the pictures mean."""
    softened = bool(softenings(current))
    names = ", ".join(map(readable_name, current.classes))
    parts = {
        **dict.fromkeys(places, True),
        f"of {names} by what their class has of its own": bool(current.classes),
        "v: how much of its own image a draw shows": softened and current.mix is None,
        "v: how much of its own image a draw showed before the mix": softened and current.mix,
        "0.25 rotate: a chain's share of the mixture": current.mixture is not None,
    }
    return ["; ".join(part for part, holds in parts.items() if holds), *_of_networks(current)]


def _of_networks(current: Policy) -> list[str]:
    """What a picture lacks that a training has."""
    if unmeasured(current):
        return ["what targets lose is spread evenly here, in training by the confusion that a search measures"]
    if current.adaptive is not None:
        rule = current.adaptive.rule
        return [f"magnitudes are drawn evenly here, in training {rule} takes each image's from the network"]
    if current.mix is None or not mix_row(current.mix.operation).needs_maps:
        return []
    return [f"{current.mix.operation} is drawn with uniform activation maps, in training with the network's own"]


def write_figure(figure: Figure, target: Path) -> None:
    """Write a picture; an old one is replaced when the new is done.

    Raises:
        UserError: it cannot be written.
    """
    try:
        with replacing(target) as partial:
            figure.savefig(partial, format="png")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"cannot write {str(target)!r}: {reason}; --out takes PATH.png in a folder that exists"
        ) from None
    finally:
        with suppress(OSError):
            partial.unlink()
