"""Names of networks, without torch; `networks` has what they are."""

from __future__ import annotations

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.tasks import TEXT_LINES, task_named
from policysearch.core.user_code import must_be_there

BUILT_IN = (
    "small-resnet",
    "quick-resnet",
    "quick-resnet-wide",
    "wrn-16-4",
    "wrn-40-2",
    "wrn-28-10",
    "resnet-18",
    "line-crnn",
)
LINE_NETWORKS = ("line-crnn",)
"""Those that read lines of text; all others give one answer per image."""
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


def must_suit_task(name: str, task: str) -> None:
    """Check that a network gives what a task needs; of a network of one's own that is known when it is tried.

    Args:
        name: built in, or of a library.
        task: its name.

    Raises:
        UserError: it reads lines where images are to be learned, or the other way round.

    Example:
        >>> must_suit_task("quick-resnet", "self-supervised")
    """
    of_lines = task_named(task).needs == "texts"
    if name in LINE_NETWORKS and not of_lines:
        raise UserError(f"model {name!r} reads lines, for --task {TEXT_LINES}, and the task is {task}: take another")
    is_known = name in BUILT_IN or name.partition(":")[0] in LIBRARIES
    if of_lines and is_known and name not in LINE_NETWORKS:
        raise UserError(
            f"model {name!r} gives one answer per image, and --task {task} needs one per step along a line: "
            f"give {' or '.join(LINE_NETWORKS)}"
        )
