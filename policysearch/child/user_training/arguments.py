"""What a training function is called with: those of the arguments that its signature names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from policysearch.core.errors import UserError

ARGUMENTS: Mapping[str, str] = {
    "policy": "the augmentation, a Policy",
    "seed": "of the pull: arms are compared on common seeds",
    "images": "how many training images",
    "epochs": "how many epochs",
    "report": "report(epoch, accuracy=0.5) tells the search how far the training is",
    "data": "arrays of the search's data, if it has any",
    "device": "cpu, cuda or cuda:N",
    "test": "whether test_accuracy is to be returned too",
}
"""Name -> what it is."""
_USUAL = ("policy", "seed", "images", "epochs", "report")
"""What a function with `**kwargs` is given besides those that it names."""


def names_of_arguments(function: Callable[..., Any], title: str) -> tuple[str, ...]:
    """The arguments that a training function takes, by their names.

    Args:
        function: of the user's.
        title: what it is, as a message begins: "train function mine.py:train".

    Raises:
        UserError: it needs an argument that there is not, or takes no policy.

    Example:
        >>> def train(policy, epochs, width=64): ...
        >>> names_of_arguments(train, "train function train")
        ('policy', 'epochs')
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise UserError(f"{title} has no signature: write it as def train(policy, seed, images, epochs)") from None
    for parameter in parameters:
        _must_be_fillable(parameter, title)
    names = [parameter.name for parameter in parameters if parameter.name in ARGUMENTS]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        names = [*dict.fromkeys([*names, *_USUAL])]
    if "policy" not in names:
        raise UserError(f"{title} takes no policy, so that all arms would train alike: name one of its parameters so")
    return tuple(names)


def _must_be_fillable(parameter: inspect.Parameter, title: str) -> None:
    """Check that a parameter is one that is given, or has a default.

    Raises:
        UserError: it is not.
    """
    variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    if variable or parameter.default is not parameter.empty:
        return
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise UserError(f"{title} takes {parameter.name!r} by its place only, and arguments are given by name")
    if parameter.name not in ARGUMENTS:
        raise UserError(
            f"{title}: its parameter {parameter.name!r} has no default and is none of {', '.join(ARGUMENTS)}: "
            "give it a default"
        )
