"""Networks of the user's own: MODULE:FACTORY or PATH.py:FACTORY."""

from __future__ import annotations

import inspect
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.user_code import function

_MAIN = ("channels", "classes", "height", "width")


def make_own(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    """Call the user's factory with those arguments that its signature names.

    Where it takes `**kwargs`, it gets the four main ones too: channels, classes, height, width.

    Args:
        name: MODULE:FACTORY or PATH.py:FACTORY.
        shape: channels, height, width of an image.
        classes: number of logits per image.

    Returns:
        What the factory returns, which may be anything.

    Raises:
        UserError: the factory cannot be loaded, or needs an argument that there is not.
        Exception, SystemExit: what the factory raises.
    """
    factory = function(name, f"model {name!r}")
    arguments = _arguments(shape, classes)
    parameters = inspect.signature(factory).parameters.values()
    for parameter in parameters:
        if parameter.name not in arguments and _must_be_given(parameter):
            raise UserError(
                f"model {name!r}: its parameter {parameter.name!r} has no default and is none of "
                f"{', '.join(arguments)}: give it a default"
            )
    return factory(**{key: arguments[key] for key in _names_taken(parameters) if key in arguments})


def _arguments(shape: tuple[int, int, int], classes: int) -> dict[str, Any]:
    channels, height, width = shape
    return {
        **{"channels": channels, "classes": classes, "height": height, "width": width},
        **dict.fromkeys(("in_channels", "in_chans", "num_channels"), channels),
        "num_classes": classes,
        **dict.fromkeys(("image_size", "img_size", "input_size"), (height, width)),
    }


def _names_taken(parameters: Any) -> list[str]:
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return [*dict.fromkeys([*named, *(_MAIN if anything else ())])]


def _must_be_given(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )
