"""Whether the data that a person names are there at all, found out without reading them."""

from __future__ import annotations

from pathlib import Path

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.files import is_there
from policysearch.core.user_code import must_be_there
from policysearch.datasets.config import DataSettings
from policysearch.datasets.registry import NAMED, SHIPPED


def must_be_present(settings: DataSettings) -> None:
    """Check that there are such data, without torchvision and without running the user's code.

    Raises:
        UserError: there are none; the message begins with their name.
    """
    try:
        _must_be_present(settings)
    except UserError as error:
        raise UserError(f"data {settings.data!r}: {error}") from None


def _must_be_present(settings: DataSettings) -> None:
    spec = settings.data
    if spec in SHIPPED:
        return
    if spec in NAMED:
        root = Path(settings.data_root)
        if not settings.download and not any(root.glob(NAMED[spec].folder)):
            raise UserError(
                f"it is not in {root}: --data-root says where the data of torchvision are, --download fetches them"
            )
    elif ":" in spec and not is_there(spec):
        must_be_there(spec.rpartition(":")[0], "its function")
    else:
        must_exist(Path(spec))


def must_exist(path: Path) -> None:
    """Check that data given by their path are there.

    Raises:
        UserError: they are not; for what may be a name, the nearest names are suggested.
    """
    try:
        there = path.exists()
    except OSError as error:  # a name that is too long
        raise UserError(str(error.strerror)) from None
    if there:
        return
    if path.suffix or len(path.parts) > 1:
        raise UserError("No such file or folder")
    unknown = unknown_name("data set", str(path), [*SHIPPED, *NAMED])
    raise UserError(
        f"there is no such folder here, and {unknown} Data of your own are a folder of images or Parquet, "
        "PATH.npz, or module:function."
    )
