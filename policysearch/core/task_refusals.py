"""What the tasks cannot do, by setting or command, with why, as a clause: see `Task.refused`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CLASSES_ONLY = "that is defined for networks that predict classes"


NOT_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "calibrate": "its proxies were measured for classification alone",
        "calibrated": "a calibration is one of classification",
        "online": "its stretches are scored by a classifier's predictions",
        "tta": f"it averages predicted probabilities, and {_CLASSES_ONLY}",
        "density": f"it scores policies by predictions on held-out images, and {_CLASSES_ONLY}",
        "by-class": f"it looks for classes that a policy harms, and {_CLASSES_ONLY}",
        "autoaugment-rl": "its controller has the settings published for classification",
        "base_epochs": f"it measures the affinity of policies, and {_CLASSES_ONLY}",
        "label_smoothing": "it has no target of classes to smooth",
        "adaptive": f"its magnitudes follow the predictions of the network, and {_CLASSES_ONLY}",
        "loss": "it is in place of the cross-entropy of classes",
        "softening": "it softens the target of a class, or what its image counts",
        "mix": "it mixes the labels of images",
        "equal_cost": f"its ensemble averages predictions, and {_CLASSES_ONLY}",
    }
)
"""What only classifiers can do, and why, as a clause."""


_NO_CHECKPOINTS = "it goes on from checkpoints, and only networks of this program have such"


_OF_OUR_NETWORKS = "it trains networks of this program"


NOT_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        **{key: NOT_CLASSES[key] for key in ("calibrate", "calibrated", "online", "tta", "density", "equal_cost")},
        "by-class": "it looks for classes that a policy harms, and a training function returns no counts by class",
        "adaptive": "its magnitudes follow the predictions of a network of this program",
        "loss": "the training function has a loss of its own",
        "model": "the training function makes its network",
        "weights": "the training function loads what its network begins with",
        "recipe": "the training function has its own optimiser and schedule",
        "populations": f"its children fork each other: {_NO_CHECKPOINTS}",
        "continue": _NO_CHECKPOINTS,
        "confusion": f"the confusion of classes is not measured with it: {_OF_OUR_NETWORKS}",
        "map-mix": "it needs activation maps of a network of this program",
        "service": "the server runs networks of this program alone",
        "record": _OF_OUR_NETWORKS,
        "compare": _OF_OUR_NETWORKS,
    }
)
"""What a search cannot do that calls a training function of the user's, and why, as a clause."""


NOT_PAIRS: Mapping[str, str] = MappingProxyType({"pair": "it weighs the two views of self-supervised training"})


NOT_LINES: Mapping[str, str] = MappingProxyType({"line-mix": "it mixes the strings of lines, for --task text-lines"})


NOT_TUNED: Mapping[str, str] = MappingProxyType({"weights": "its networks begin with random weights"})


_ONE_CLASS = "of one class per image"


NOT_ONE_CLASS: Mapping[str, str] = MappingProxyType(
    {
        **{key: why for key, why in NOT_CLASSES.items() if key not in ("softening", "mix")},
        "density": f"it scores policies by predictions {_ONE_CLASS}",
        "by-class": f"it looks for classes that a policy harms, {_ONE_CLASS}",
        "base_epochs": f"it measures the affinity of policies by predictions {_ONE_CLASS}",
        "tta": f"it averages predicted probabilities {_ONE_CLASS}",
        "adaptive": f"its magnitudes follow predictions {_ONE_CLASS}",
        "equal_cost": f"its ensemble averages predictions {_ONE_CLASS}",
        "confusion": f"what a target loses goes to other classes, and targets are not {_ONE_CLASS}",
        "map-mix": f"it needs activation maps {_ONE_CLASS}",
        **NOT_PAIRS,
        **NOT_LINES,
    }
)
"""What needs one class per image, and why, as a clause."""


NOT_MASKS: Mapping[str, str] = MappingProxyType(
    {
        "blend": "its pixels are blends of several images, and a pixel of a mask has one class",
        "mixture": "it averages several draws, whose moves leave no one place for a mask",
    }
)
"""What has no meaning for the classes of pixels."""
