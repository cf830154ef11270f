"""Names of networks, without torch; `networks` has what they are."""

from __future__ import annotations

from policysearch.core.errors import unknown_name
from policysearch.core.user_code import must_be_there

BUILT_IN = ("small-resnet", "quick-resnet", "wrn-16-4", "wrn-40-2", "wrn-28-10", "resnet-18", "line-crnn")
LIBRARIES = ("torchvision", "timm")


def must_name_a_network(name: str) -> None:
    """Check a network's name as far as that is possible without torch and without running its code.

    Raises:
        UserError: a name without a colon that is not built in (the nearest are suggested), or a module or a file that
            is not there.
    """
    prefix, colon, _ = name.partition(":")
    if not colon and name not in BUILT_IN:
        libraries = [f"{library}:NAME" for library in LIBRARIES]
        raise unknown_name("model", name, [*BUILT_IN, *libraries, "MODULE:FACTORY or PATH.py:FACTORY"])
    if colon and prefix not in LIBRARIES:
        must_be_there(name.rpartition(":")[0], f"model {name!r}")
