"""Networks of the user's own: MODULE:FACTORY or PATH.py:FACTORY."""

from __future__ import annotations

import inspect
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.user_code import function

_MAIN = ("channels", "classes", "height", "width")


def make_own(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    """What the factory gives, called with those of `arguments` that its signature names; `**kwargs` takes the four
    main ones: channels, classes, height, width.

    Raises:
        UserError: it cannot be loaded, or wants an argument that is not there; whatever the factory raises.
    """
    factory = function(name, f"model {name!r}")
    known = _known(shape, classes)
    parameters = inspect.signature(factory).parameters.values()
    for parameter in parameters:
        if parameter.name not in known and _must_be_given(parameter):
            raise UserError(
                f"model {name!r}: its parameter {parameter.name!r} has no default and is none of {', '.join(known)}: "
                "give it a default"
            )
    return factory(**{key: known[key] for key in _wanted(parameters) if key in known})


def _known(shape: tuple[int, int, int], classes: int) -> dict[str, Any]:
    channels, height, width = shape
    return {
        **{"channels": channels, "classes": classes, "height": height, "width": width},
        **dict.fromkeys(("in_channels", "in_chans", "num_channels"), channels),
        "num_classes": classes,
        **dict.fromkeys(("image_size", "img_size", "input_size"), (height, width)),
    }


def _wanted(parameters: Any) -> list[str]:
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return [*dict.fromkeys([*named, *(_MAIN if anything else ())])]


def _must_be_given(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )
