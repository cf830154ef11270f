"""How a child is trained: the numbers, without torch."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policysearch.core.value import Frozen

Precision = Literal["auto", "float32", "bfloat16", "float16"]
CONTINUABLE = frozenset({"constant", "trunk"})
"""Schedules whose rates do not depend on where a training ends, so that it can be continued to more epochs."""


class Recipe(Frozen):
    """SGD with Nesterov momentum, by default under a one-cycle rate (Smith & Topin 2018).

    Attributes:
        batch: images per step.
        rate: the highest learning rate.
        momentum: Nesterov momentum in [0, 1); 0 is plain SGD.
        weight_decay: L2 on all weights.
        warmup: share of the steps in which the rate rises, in (0, 1).
        label_smoothing: share of the target spread over all classes, in [0, 1); for arms without a loss of their own.
        checkpoints: points of the learning curve, 1 to 8, the last at the end.
        precision: of forward and backward passes; weights, losses and metrics stay float32. auto is float32 on CPU, on
            CUDA bfloat16 where the device has it and float16 elsewhere.
        schedule: one-cycle; or cosine, from the highest rate down; or constant after 50 steps, so that the curve does
            not depend on the number of epochs; or trunk, which is as constant, and measured at its end by a short decay
            on a copy.
        averaging: the network that is judged has its weights averaged over about this share of the steps done, in
            [0, 1]; 0: it has the last weights.
        base_epochs: epochs without augmentation before those of the child, trained once per replicate in each worker;
            all arms of the replicate go on from there. 0: there are none.
        layer_decay: with weights to begin with: the rate of a block of layers as a share of that of the block after
            it, in (0, 1]; the classifier has the whole rate (Clark et al. 2020, section 3.2; Bao et al. 2022).
        frozen: with weights to begin with: this many first blocks stay as they are; 1 is the stem.
        compile: whether torch.compile makes the network faster, after some minutes in every worker.
    """

    later: ClassVar[frozenset[str]] = frozenset({"schedule", "averaging", "base_epochs", "layer_decay", "frozen"})

    batch: Annotated[int, Field(ge=2, description="images per step")] = 128
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False, description="highest learning rate of the one cycle")] = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1, description="Nesterov momentum; 0 is plain SGD")] = 0.9
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False, description="L2 on all weights")] = 5e-4
    warmup: Annotated[float, Field(gt=0, lt=1, description="share of the steps in which the rate rises")] = 0.25
    label_smoothing: Annotated[
        float, Field(ge=0, lt=1, description="share of the target spread over all classes, where an arm has no loss")
    ] = 0.0
    checkpoints: Annotated[
        int, Field(ge=1, le=8, description="points of the learning curve: how often the validation part is judged")
    ] = 4
    precision: Annotated[
        Precision,
        Field(description="of forward and backward passes; auto: float32 on CPU, on CUDA bfloat16 or else float16"),
    ] = "auto"
    schedule: Annotated[
        Literal["one-cycle", "cosine", "constant", "trunk"],
        Field(
            description="the rate over the steps; cosine: down from the highest; constant: after 50 of them; trunk: "
            "that, measured by a short decay"
        ),
    ] = "one-cycle"
    averaging: Annotated[
        float, Field(ge=0, le=1, description="share of the steps over which judged weights are averaged; 0: the last")
    ] = 0.0
    base_epochs: Annotated[
        int, Field(ge=0, description="epochs without augmentation, once per replicate, from which all its arms go on")
    ] = 0
    layer_decay: Annotated[
        float,
        Field(gt=0, le=1, description="with --weights: rate of each block of layers as a share of the next one's"),
    ] = 1.0
    frozen: Annotated[
        int, Field(ge=0, description="with --weights: this many first blocks stay as they are; 1 is the stem")
    ] = 0
    compile: Annotated[bool, Field(description="compile the network with torch.compile")] = False


def batches_of(images: int, batch: int) -> int:
    """Batches of an epoch: as few as hold the images; these are spread over them evenly.

    Args:
        images: of the training subset, 1 or more.
        batch: images of a batch, at most.
    """
    return math.ceil(images / batch)


def smallest_batch(images: int, batch: int) -> int:
    """Images of the smallest batch of an epoch; the arguments are those of `batches_of`.

    Example:
        >>> smallest_batch(100, 60), smallest_batch(5, 2)
        (50, 1)
    """
    return images // batches_of(images, batch)
