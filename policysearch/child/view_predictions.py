"""What a network predicts for every image in every view, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policysearch.augmentation import augment
from policysearch.child.device_data import DeviceData
from policysearch.child.network_answers import Answers
from policysearch.child.warm_start import on_single_images
from policysearch.core.seeds import seed_of
from policysearch.policy.policy import Policy

Pass = Callable[[Tensor], Tensor]
"""One pass over images in one view: the next batch uint8 [B, C, H, W] -> the batch in that view."""
ImageView = Callable[[], Pass]
"""Begins a pass; every pass of a view over the same images gives the same pixels."""
Probabilities = NDArray[np.float32]


def fixed_view(change: Callable[[Tensor], Tensor]) -> ImageView:
    """The view that makes of every image what `change` makes of it, whatever came before."""
    return lambda: change


def drawn_view(policy: Policy, data: DeviceData, seed: int, number: int) -> ImageView:
    """A view that draws from a policy for each image anew, always the same for the same seed and number.

    The policy's mix and softening and the parts of single classes, which need labels, are left out; one with stages is
    taken at half of the training.
    """
    single = on_single_images(policy).model_copy(update={"classes": {}})
    device = data.images.device

    def begin() -> Pass:
        generator = torch.Generator(device).manual_seed(seed_of(seed, number))

        def view(images: Tensor) -> Tensor:
            labels = torch.zeros(len(images), dtype=torch.int64, device=device)
            return augment(single, images, labels, num_classes=data.classes, generator=generator).images

        return view

    return begin


@torch.no_grad()
def view_probabilities(
    answers: Answers, data: DeviceData, images: Tensor, views: Sequence[ImageView], batch: int
) -> Probabilities:
    """Softmax probabilities [V, N, classes] float32 of images in views.

    Args:
        answers: of a network in evaluation mode.
        data: whose normalisation it was trained with.
        images: [N, C, H, W] uint8, on the device of the data.
        views: in order.
        batch: images judged at a time.
    """
    out = np.empty((len(views), len(images), data.classes), np.float32)
    passes = [begin() for begin in views]
    start = 0
    for part in images.split(batch):
        for place, view in enumerate(passes):
            logits = answers(data.normalise(view(part)))
            out[place, start : start + len(part)] = logits.double().softmax(1).cpu().numpy()
        start += len(part)
    return out


def seconds_per_image(
    answers: Answers,
    data: DeviceData,
    images: Tensor,
    policies: Mapping[str, Sequence[ImageView]],
    batch: int,
    rounds: int = 5,
) -> dict[str, float]:
    """What a prediction costs: the views, their passes and their mean, in seconds per image.

    On a CPU it is the processor time of this process, on CUDA the time until the device is done. The policies take
    turns, and the fastest of their rounds counts, after one that does not.

    Args:
        answers, data, images, batch: as for `view_probabilities`.
        policies: the views of each.
        rounds: how often each is measured.
    """
    cuda = images.device.type == "cuda"

    def clock() -> float:
        if not cuda:
            return time.process_time()
        torch.cuda.synchronize(images.device)
        return time.perf_counter()

    fastest = dict.fromkeys(policies, float("inf"))
    for number in range(rounds + 1):
        for name, views in policies.items():
            start = clock()
            view_probabilities(answers, data, images, views, batch).mean(0)
            spent = clock() - start
            if number:
                fastest[name] = min(fastest[name], spent)
    return {name: spent / max(1, len(images)) for name, spent in fastest.items()}
