"""The policy on the user's own training images, and its softening curve."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from PIL import Image

from policysearch.core.tasks import SELF_SUPERVISED, task_named
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.datasets.targets.checks import shown_classes
from policysearch.experiments.search.report.data import Material
from policysearch.policy.describe import in_words
from policysearch.policy.losses import loss_in_words, parse_loss
from policysearch.policy.pairs import PAIR_WEIGHTS, Pair
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening
from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, heading, paragraph, plots
from policysearch.reports.html.plots import lines
from policysearch.reports.preview.content import training_content
from policysearch.reports.preview.figure import drawn_pictures, preview_notes
from policysearch.reports.preview.masks import training_masks
from policysearch.reports.preview.pairs import notes_on_pairs
from policysearch.reports.preview.sheet import Picture
from policysearch.study.config import SearchConfig

_ROWS, _DRAWS = 4, 5
_SIDE = 160  # pixels, of a picture's longer side in the page
_SMALL = 64  # images of fewer pixels are shown pixel by pixel
_PLACES = f"Of every {1 + _DRAWS} pictures the first is a training image as it is, the others are draws of the policy"
_PAIRS = 3
_PLACES_OF_PAIRS = (
    f"Of every {1 + 2 * _PAIRS} pictures the first is a training image as it is, the others are pairs of views of it"
)
_SOFTENED = {"target": "share of the target", "weight": "weight of the loss", "both": "share of the target, and weight"}


def readable_data(material: Material) -> Dataset | str:
    """The data of a search, nothing downloaded; or why they cannot be shown, as the end of a sentence."""
    try:
        dataset = load(
            material.config.model_copy(update={"download": False}), needs=task_named(material.config.task).needs
        )
    except Exception as error:  # data of the user's own, years later
        return f"the data cannot be read any more ({' '.join(str(error).split())[:200]})"
    return _usable(material, dataset)


def _usable(material: Material, dataset: Dataset) -> Dataset | str:
    """The data, or why they cannot be shown."""
    if dataset.is_absent:
        return "the training function reads its images by itself"
    return "the data have changed since" if material.data not in ("", dataset.digest) else dataset


def the_policy(material: Material, data: Dataset | str) -> Iterator[str]:
    """The policy in words and in pictures, and how it softens."""
    policy = material.policy
    if policy is None:
        return
    yield heading(2, "The policy")
    yield f'<p class="words">{escape(in_words(policy))}</p>'
    loss = parse_loss(policy.about.get("loss"))
    yield paragraph(f"Trained with {loss_in_words(loss)}; without it, this is not what was searched.") if loss else ""
    yield from _shown(policy, material.config, data)
    yield from _softening(policy.softening, material, data)
    yield from _pair_weight(policy.pair)


def _shown(policy: Policy, config: SearchConfig, data: Dataset | str) -> Iterator[str]:
    if isinstance(data, str):
        yield paragraph(f"There are no pictures of it here: {data}.", "note")
        return
    notes = (
        notes_on_pairs(policy, (_PLACES_OF_PAIRS,))
        if _pairs(policy, config)
        else preview_notes(policy.at(0.0), (_PLACES,))
    )
    masks = training_masks(data)
    notes += [masks.legend] if masks else []
    yield paragraph(". ".join(notes) + ".", "note")
    yield from (_strip(row) for row in _grid(policy, config, data))


def _grid(policy: Policy, config: SearchConfig, data: Dataset) -> list[list[Picture]]:
    train = split(data, config.validation, config.split_seed).train
    some = np.sort(np.random.default_rng(0).permutation(train)[:2000])  # of a large set, memory-mapped
    labels, classes = shown_classes(data)
    images, labels = np.ascontiguousarray(data.x_train[some]), labels[some]
    rows = min(_ROWS, len(images))
    pairs, content = _pairs(policy, config), training_content(data)
    return drawn_pictures(
        policy,
        images,
        labels,
        classes,
        rows=rows,
        draws=_PAIRS if pairs else _DRAWS,
        pairs=pairs,
        content=content.of_rows(some) if content else None,
    )


def _pairs(policy: Policy, config: SearchConfig) -> bool:
    """Whether children are shown two views of each image."""
    return policy.pair is not None or config.task == SELF_SUPERVISED


def _strip(row: Sequence[Picture]) -> str:
    name = row[0].lines[0]
    said = [f"{name}, as it is", *(f"{name}, draw {i}" for i in range(1, len(row)))]
    return f'<div class="shots">{"".join(map(_shot, row, said))}</div>'


def _shot(picture: Picture, said: str) -> str:
    first, *rest = picture.lines
    caption = f"<strong>{escape(first)}</strong>{'<br>'.join(map(escape, rest))}"
    height, width = picture.image.shape[:2]
    small = ' class="small"' if max(height, width) < _SMALL else ""
    source = f"data:image/png;base64,{_png(picture)}"
    image = f'<img{small} alt="{escape(said)}" width="{width}" height="{height}" src="{source}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _png(picture: Picture) -> str:
    image = Image.fromarray(np.ascontiguousarray(picture.image))
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def _softening(softening: Softening | None, material: Material, data: Dataset | str) -> Iterator[str]:
    if softening is None or softening.mode == "off":
        return
    noted = material.background.get("data", {})
    classes = _choices(data) if isinstance(data, Dataset) else noted.get("classes")
    curves = _curves(softening, classes)
    if curves is None:
        yield paragraph("Its softening curve ends at 1/classes, and how many there are is not known here.", "note")
        return
    panel = Panel("softening", "Softening", "visibility v", _SOFTENED[softening.mode], (0.0, 1.05))
    caption = "What an image still counts, by how much of it can be seen: at v = 1 all of it."
    yield plots([figure(lines(panel, curves, [curve.strategy for curve in curves]), caption)])


def _choices(data: Dataset) -> float:
    """One over the `p_min` that is left open: how many classes there are; of labels one over their mean frequency."""
    if data.targets_train is None:
        return len(data.classes)
    return 1 / float(data.targets_train.mean())


def _pair_weight(pair: Pair | None) -> Iterator[str]:
    """Equation 9 or 10 as a curve."""
    if pair is None:
        return
    iou, none = np.linspace(0, 1, 11), np.full(11, np.nan)
    confidence = 1 - (1 - pair.p_min) * (iou if PAIR_WEIGHTS[pair.weight].easy else 1 - iou) ** pair.k
    curve = Curve(f"{pair.weight}, k = {pair.k:g}", iou, confidence, none, none)
    panel = Panel("pair", "Weight of pairs", "IoU of the two views", "weight before it is normalised", (0.0, 1.05))
    yield plots([figure(lines(panel, [curve], [curve.strategy]), "What a pair counts, by what its views share.")])


def _curves(softening: Softening, classes: float | None) -> list[Curve] | None:
    """Equation 7 of each curve that is not off; None where its floor is not known."""
    v, none = np.linspace(0, 1, 11), np.full(11, np.nan)
    out = []
    for curve, names in softening.curves():
        if curve.p_min is None and classes is None:
            return None
        floor = 1 / (classes or 1) if curve.p_min is None else curve.p_min
        name = ", ".join(sorted(names)) if names else "every operation" if not softening.operations else "the others"
        if floor < 1:
            out.append(Curve(f"{name}, k = {curve.k:g}", v, 1 - (1 - floor) * (1 - v) ** curve.k, none, none))
    return out or None
