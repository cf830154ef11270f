"""The networks by name, without torch: who makes them, and the numbers their sources train them with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from policysearch.child.recipe import Recipe
from policysearch.core.errors import unknown_name


@dataclass(frozen=True)
class Network:
    """A network, or a library of networks.

    Attributes:
        description: what it is, in a few words.
        make: (the name, (channels, height, width), classes) -> the untrained network; imports torch when called.
        recipe: batch, rate and weight decay of the source. The rate's schedule is one-cycle for every network, and
            the momentum Nesterov's.
        long_epochs: passes over the whole training part in the source.
        source: where recipe and epochs come from.
    """

    description: str
    make: Callable[[str, tuple[int, int, int], int], Any]
    recipe: Recipe
    long_epochs: int
    source: str

    @property
    def numbers(self) -> str:
        """The recipe in short."""
        r = self.recipe
        return f"batch {r.batch}, rate {r.rate:g}, weight decay {r.weight_decay:g}, {self.long_epochs} epochs in full"


_CIFAR = Recipe(batch=128, rate=0.1, momentum=0.9, weight_decay=5e-4)
_IMAGENET = Recipe(batch=128, rate=0.1 * 128 / 256, momentum=0.9, weight_decay=1e-4)
_RATE_SHARE = 0.5
_FINE_TUNING = {"warmup": 0.1, "layer_decay": 0.8}
"""What fine-tuning changes in every recipe."""
_IMAGENET_SOURCE = (
    "He et al. 2016, section 3.4, whose rate 0.1 at batch 256 is scaled to 128 (Goyal et al. 2017); "
    "epochs of torchvision's reference training"
)


def _small_resnet(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.small_resnet import SmallResNet

    return SmallResNet(shape[0], classes)


def _quick_resnet(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.quick_resnet import QuickResNet

    return QuickResNet(shape[0], classes)


def _wide_quick_resnet(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.quick_resnet import QuickResNet

    return QuickResNet(shape[0], classes, widths=(32, 64))


def _line_crnn(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.line_crnn import LineCRNN

    return LineCRNN(shape[0], shape[1], classes)


def _small_unet(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.small_unet import SmallUNet

    return SmallUNet(shape[0], classes)


def _resnet18(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.resnet18 import cifar_resnet18

    return cifar_resnet18(shape[0], classes)


def _torchvision(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.from_torchvision import make_torchvision

    return make_torchvision(name, shape, classes)


def _timm(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.from_timm import make_timm

    return make_timm(name, shape, classes)


def _user_defined(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    from policysearch.child.networks.user_defined import make_own

    return make_own(name, shape, classes)


def _wide(depth: int, width: int, weights: str) -> Network:
    def make(name: str, shape: tuple[int, int, int], classes: int) -> Any:
        from policysearch.child.networks.wide_resnet import WideResNet

        return WideResNet(depth, width, shape[0], classes)

    return Network(
        f"wide residual net of {weights} weights for 28 to 64 pixels",
        make,
        _CIFAR,
        200,
        "Zagoruyko & Komodakis 2016, section 3",
    )


NETWORKS = {
    "small-resnet": Network(
        "residual net of 28,000 weights for 28 to 64 pixels, grey or RGB; trains on a CPU core",
        _small_resnet,
        Recipe(),
        40,
        "measured for this package on Fashion-MNIST (4,000 images, 40 epochs)",
    ),
    "quick-resnet": Network(
        "residual net of 24,000 weights for 28 to 64 pixels, at about a third of small-resnet's cost per image",
        _quick_resnet,
        Recipe(),
        40,
        "as small-resnet, with which it was compared",
    ),
    "quick-resnet-wide": Network(
        "quick-resnet of twice the width, 95,000 weights, at about two thirds of small-resnet's cost per image",
        _wide_quick_resnet,
        Recipe(),
        80,
        "as small-resnet, trained for as long as in results/2026-11-30_recipes",
    ),
    "wrn-16-4": _wide(16, 4, "2.7 million"),
    "wrn-40-2": _wide(40, 2, "2.2 million"),
    "wrn-28-10": _wide(28, 10, "36.5 million"),
    "resnet-18": Network(
        "ResNet-18 with the stem for small images, 11.2 million weights",
        _resnet18,
        _CIFAR,
        200,
        "DeVries & Taylor 2017, section 4",
    ),
    "line-crnn": Network(
        "for --task text-lines: three convolutions and a bidirectional GRU, 28,000 weights; trains on a CPU core",
        _line_crnn,
        Recipe(batch=16, rate=0.2),
        25,
        "measured for this package on text-lines-small (500 lines; batches of 32 begin to read too late)",
    ),
    "small-unet": Network(
        "for --task segmentation: a U-Net of three levels, 30,000 weights, for 28 to 128 pixels; trains on a CPU core",
        _small_unet,
        Recipe(batch=8, rate=0.3),
        20,
        "measured for this package on shapes-small (200 images, 20 epochs)",
    ),
}

USER_DEFINED = Network(
    "your own: a function or class that returns a torch.nn.Module; it gets what it names of channels, classes, height, "
    "width",
    _user_defined,
    Recipe(),
    200,
    "as the wide residual nets",
)

OTHERS = {
    "torchvision:NAME": Network(
        "a classification network of torchvision, such as torchvision:resnet18",
        _torchvision,
        _IMAGENET,
        90,
        _IMAGENET_SOURCE,
    ),
    "timm:NAME": Network(
        "a network of timm, such as timm:resnet10t; needs pip install 'policysearch[timm]'",
        _timm,
        _IMAGENET,
        90,
        _IMAGENET_SOURCE,
    ),
    "MODULE:FACTORY or PATH.py:FACTORY": USER_DEFINED,
}


def network_row(name: str) -> Network:
    """The row of any network that `--model` takes.

    Raises:
        UserError: a name without a colon that is not in the table; the message suggests the nearest.
    """
    prefix, colon, _ = name.partition(":")
    if colon:
        return OTHERS.get(f"{prefix}:NAME", USER_DEFINED)
    if name not in NETWORKS:
        raise unknown_name("model", name, [*NETWORKS, *OTHERS])
    return NETWORKS[name]


def recipe_for(name: str, setting: Recipe | None = None, *, fine_tuned: bool = False) -> Recipe:
    """The recipe of a network's source, except for the fields that were set.

    Args:
        name: as `--model` takes it.
        setting: a recipe whose explicitly set fields come first.
        fine_tuned: whether networks begin with weights; the rate is then half, with a short warm-up, and falls
            from block to block towards the stem.

    Example:
        >>> recipe_for("resnet-18").weight_decay, recipe_for("resnet-18", Recipe(weight_decay=0.01)).weight_decay
        (0.0005, 0.01)

    Raises:
        UserError: as `network_row`.
    """
    recipe = network_row(name).recipe
    if fine_tuned:
        recipe = recipe.model_copy(update={"rate": recipe.rate * _RATE_SHARE, **_FINE_TUNING})
    chosen = {} if setting is None else {field: getattr(setting, field) for field in setting.model_fields_set}
    return recipe.model_copy(update=chosen)
