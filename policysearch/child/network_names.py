"""Names of networks, without torch; `networks` has what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.tasks import SEGMENTATION, TEXT_LINES, task_named
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
    "small-unet",
)
LINE_NETWORKS = ("line-crnn",)
"""Those that read lines of text."""
MASK_NETWORKS = ("small-unet",)
"""Those that give the class of every pixel; all others give one answer per image."""
LIBRARIES = ("torchvision", "timm")


@dataclass(frozen=True)
class _Special:
    """Networks that are for one task alone.

    Attributes:
        task: which.
        networks: their names.
        does: what they do, as a verb with its object.
        place: what they give an answer for.
    """

    task: str
    networks: tuple[str, ...]
    does: str
    place: str

    @property
    def needs(self) -> str:
        return task_named(self.task).needs


_SPECIAL = (
    _Special(TEXT_LINES, LINE_NETWORKS, "reads lines", "step along a line"),
    _Special(SEGMENTATION, MASK_NETWORKS, "gives the class of every pixel", "pixel"),
)


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


def network_title(model: str, weights: str | None = None) -> str:
    """A network as reports call it.

    Args:
        model: as `--model` takes it.
        weights: the file of what it begins with; None: random weights.

    Example:
        >>> network_title("resnet-18"), network_title("resnet-18", "/data/flowers.pt")
        ('resnet-18', 'resnet-18 fine-tuned from flowers.pt')
    """
    return model if weights is None else f"{model} fine-tuned from {Path(weights).name}"


def weights_by_name(weights: str | None) -> dict[str, str]:
    """What a record says of the weights that networks begin with: nothing where there are none, and else their file.

    Example:
        >>> weights_by_name("/data/flowers.pt"), weights_by_name(None)
        ({'weights': 'flowers.pt'}, {})
    """
    return {} if weights is None else {"weights": Path(weights).name}


def must_suit_task(name: str, task: str) -> None:
    """Check that a network gives what a task needs; of a network of one's own that is known when it is tried.

    Args:
        name: built in, or of a library.
        task: its name.

    Raises:
        UserError: it is for another task alone, or the task needs another kind.

    Example:
        >>> must_suit_task("quick-resnet", "self-supervised")
    """
    needs = task_named(task).needs
    special = next((row for row in _SPECIAL if name in row.networks), None)
    if special is not None and needs != special.needs:
        raise UserError(
            f"model {name!r} {special.does}, for --task {special.task}, and the task is {task}: take another"
        )
    is_known = name in BUILT_IN or name.partition(":")[0] in LIBRARIES
    kind = next((row for row in _SPECIAL if row.needs == needs), None)
    if kind is not None and is_known and name not in kind.networks:
        raise UserError(
            f"model {name!r} gives one answer per image, and --task {task} needs one per {kind.place}: "
            f"give {' or '.join(kind.networks)}"
        )


def task_of_network(name: str) -> str:
    """What a network that is for one task alone does, and for which; empty for the others.

    Example:
        >>> task_of_network("line-crnn"), task_of_network("small-resnet")
        ('reads lines, for --task text-lines', '')
    """
    special = next((row for row in _SPECIAL if name in row.networks), None)
    return "" if special is None else f"{special.does}, for --task {special.task}"
