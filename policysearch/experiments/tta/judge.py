"""The networks of a search at work: what they predict on validation, on the test part, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from policysearch.child.fine_tuning.start import Start, network_factory, with_normalisation
from policysearch.core.errors import SearchFailed
from policysearch.core.seeds import child_seed
from policysearch.datasets.split import split
from policysearch.experiments.tta.choice import Choice
from policysearch.experiments.tta.prepare import Prepared
from policysearch.experiments.tta.ways import Way
from policysearch.policy.tta import View
from policysearch.stats.arrays import Floats
from policysearch.stats.temperature import Labels, log_likelihoods, log_of
from policysearch.study.rows import Row

if TYPE_CHECKING:
    from policysearch.child.kept_networks import NetworkSpec
    from policysearch.child.view_predictions import ImageView

_TIMED = 256
"""Images on which the cost is measured."""
Say = Callable[[str], object]
Predicted = NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """The ways on the test part: P ways, S networks, N images.

    Attributes:
        right: [P, S, N] bool, whether the most probable class is the true one.
        calibrated: [P, S, N] log-likelihoods at the temperature of validation, nats.
        plain: [P, S, N] those at temperature 1.
    """

    right: NDArray[np.bool_]
    calibrated: Floats
    plain: Floats


class Networks:
    """The trained networks with the data that they are judged on.

    Args:
        prepared: the search.
        rows: finished trainings, by replicate.
        warn: called with what a person should know.
    """

    def __init__(self, prepared: Prepared, rows: Sequence[Row], warn: Say) -> None:
        import torch

        from policysearch.child.device_data import on_device
        from policysearch.child.kept_networks import KeptNetworks
        from policysearch.child.networks import memory_format_of
        from policysearch.child.out_of_memory import evaluation_batch
        from policysearch.child.threads import one_thread

        config, dataset = prepared.config, prepared.dataset
        classes = len(dataset.classes)
        start = Start.of(config.weights, config.normalisation)
        factory, normalisation = network_factory(config.model, dataset.shape, classes, start)
        sides = split(dataset, config.validation, config.split_seed)
        with one_thread():
            memory_format = memory_format_of(factory, dataset.shape, classes)
        data = on_device(dataset, sides, torch.device(config.device), memory_format)
        self._data = with_normalisation(data, normalisation)
        self._networks = KeptNetworks(prepared.folder.networks, self._data, factory, config.recipe)
        self._prepared, self._rows, self._warn = prepared, list(rows), warn
        self._batch = evaluation_batch(config.recipe)
        self.labels: Labels = np.asarray(dataset.y_train)[sides.validation]

    def __len__(self) -> int:
        return len(self._rows)

    def on_validation(self, draws: int, progress: Callable[[int], object]) -> tuple[Predicted, Predicted]:
        """Probabilities [K, S, N, C] of the pool and [D, S, N, C] of draws, on validation.

        Args:
            draws: D.
            progress: called with the number of networks done, after each.
        """
        views = self._views(self._prepared.views, draws)
        images = self._data.images[self._data.validation]
        out = np.empty((len(views), len(self), len(images), self._data.classes), np.float32)
        for place in range(len(self)):
            out[:, place] = self._predicted(place, images, views)
            progress(place + 1)
        count = len(self._prepared.views)
        return out[:count], out[count:]

    def on_test(self, choice: Choice, progress: Callable[[int], object]) -> Judged:
        """Judge every way on the test part, which must have been entered in the ledgers."""
        from policysearch.child.test_set import Exam

        exam = Exam.of(self._prepared.dataset, self._data.images.device, self._batch)
        labels: Labels = exam.labels.cpu().numpy()
        views = list(dict.fromkeys(view for way in choice.ways for view in way.views))
        draws = max(way.passes for way in choice.ways if way.kind == "draws")
        shape = (len(choice.ways), len(self), len(labels))
        judged = Judged(np.empty(shape, np.bool_), np.empty(shape), np.empty(shape))
        image_views = self._views(views, draws)
        for place in range(len(self)):
            predicted = self._predicted(place, exam.images, image_views)
            for row, way in enumerate(choice.ways):
                mean = predicted[_places(way, views)].mean(0, dtype=np.float64)
                _judge(judged, (row, place), mean, labels, choice.of(way.name).temperature)
            progress(place + 1)
        return judged

    def seconds(self, compared: Sequence[Way]) -> Mapping[str, float]:
        """Seconds per image of each way, measured with the first network on images of validation."""
        from policysearch.child.threads import one_thread
        from policysearch.child.view_predictions import seconds_per_image

        images = self._data.images[self._data.validation[:_TIMED]]
        policies = {way.name: self._views(way.views, way.passes if way.kind == "draws" else 0) for way in compared}
        with one_thread():
            return seconds_per_image(self._answers(0), self._data, images, policies, self._batch)

    def _predicted(self, place: int, images: Any, views: Sequence[ImageView]) -> Predicted:
        """Probabilities [V, N, C] of one network."""
        from policysearch.child.threads import one_thread
        from policysearch.child.view_predictions import view_probabilities

        with one_thread():
            return view_probabilities(self._answers(place), self._data, images, views, self._batch)

    def _views(self, views: Sequence[View], draws: int) -> list[ImageView]:
        """Fixed views as what is exported makes them, and draws of the training policy behind them."""
        from policysearch.child.view_predictions import drawn_view, fixed_view
        from policysearch.export.templates.torchvision_tta import view_of
        from policysearch.export.views_to_torchvision import live_views

        fixed = [fixed_view(partial(view_of, steps=steps)) for steps in live_views(views)]
        policy, seed = self._prepared.entrant.arm.policy, self._prepared.config.seed
        return [*fixed, *(drawn_view(policy, self._data, seed, number) for number in range(draws))]

    def _answers(self, place: int) -> Any:
        row = self._rows[place]
        answers, lost = self._networks.answers(self._spec(row))
        if lost:
            self._warn(f"the network of replicate {row.replicate} was trained again, for {lost}")
        return answers

    def _spec(self, row: Row) -> NetworkSpec:
        from policysearch.child.kept_networks import NetworkSpec

        config, arm = self._prepared.config, row.arm
        seed = child_seed(config.seed, row.replicate)
        policy = arm.policy.for_classes(self._prepared.dataset.classes)
        return NetworkSpec(policy, arm.loss, arm.key, seed, config.images, config.epochs)


def _places(way: Way, views: Sequence[View]) -> list[int]:
    """Where a way's views stand among all predictions: fixed views first, then draws."""
    if way.kind == "draws":
        return list(range(len(views), len(views) + way.passes))
    return [views.index(view) for view in way.views]


def _judge(judged: Judged, at: tuple[int, int], mean: Floats, labels: Labels, temperature: float) -> None:
    """Enter mean probabilities [N, C] of one way and network."""
    if not np.isfinite(mean).all():
        raise SearchFailed("a network predicts what is no number: train with a lower --rate, in another --out")
    log_p = log_of(mean)[None]
    judged.right[at] = mean.argmax(1) == labels
    judged.calibrated[at] = log_likelihoods(log_p, labels, np.array([temperature]))[0]
    judged.plain[at] = log_likelihoods(log_p, labels, np.ones(1))[0]
