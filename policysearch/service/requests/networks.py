"""Names of networks that a request may give: those of the libraries are read in their sources, never imported."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from policysearch.child.network_names import BUILT_IN
from policysearch.core.errors import UserError, unknown_name

_BUILDERS = {
    # The function behind the decorator that enters it in the library's table, other decorators in between.
    "torchvision": re.compile(r"^@register_model\(\)\n(?:@.*\n)*def (\w+)\(", re.MULTILINE),
    "timm": re.compile(r"^@register_model\n(?:@.*\n)*def (\w+)\(", re.MULTILINE),
}


@cache
def library_networks(library: str) -> frozenset[str]:
    """The names of a library's classification networks; none where it is not installed.

    Args:
        library: "torchvision" or "timm".
    """
    spec = find_spec(library)  # of a package at the top: nothing is imported for it
    names: set[str] = set()
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted((Path(folder) / "models").glob("*.py")):
            names.update(_BUILDERS[library].findall(file.read_text(encoding="utf-8")))
    return frozenset(names)


def must_be_listed(name: str) -> None:
    """Check that a network is built in, or is in the table of a library.

    Args:
        name: NAME, torchvision:NAME or timm:NAME.

    Raises:
        UserError: it is not; the nearest names are suggested.
    """
    library, colon, network = name.partition(":")
    if not colon:
        if name not in BUILT_IN:
            raise unknown_name("model", name, [*BUILT_IN, "torchvision:NAME", "timm:NAME"])
        return
    if library not in _BUILDERS:
        raise UserError(
            f"model {name!r} is no network that a request may name: give {', '.join(BUILT_IN)}, torchvision:NAME, "
            "timm:NAME, or PLUGIN:FUNCTION of a plugin that the operator has set up"
        )
    networks = library_networks(library)
    if not networks:
        raise UserError(f"model {name!r} needs {library}, which the server does not have")
    if network not in networks:
        raise unknown_name(f"{library} model", network, networks)
