"""Whether the places that the operator names are there, without the libraries that use them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from policysearch.core.errors import UserError
from policysearch.service.scheduler.places import Place, local_place, place_of

_GPU = re.compile(r"GPU (\d+): .*\(UUID: ([\w-]+)\)")
_SECONDS = 30.0


def gpus_of_this_machine() -> frozenset[str]:
    """Index and UUID of each GPU that the driver lists; empty where there is none."""
    if shutil.which("nvidia-smi") is None:
        return frozenset()
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(name for row in _GPU.findall(listed.stdout) for name in row)


def places_of(texts: Iterable[str], gpus: Callable[[], frozenset[str]] = gpus_of_this_machine) -> tuple[Place, ...]:
    """The places that the operator gives; without any, the cores of this machine.

    Args:
        texts: as `--place` takes them.
        gpus: lists the GPUs by index and UUID.

    Raises:
        UserError: a text is no place, two have one name, a GPU is not there, or Ray is not installed.
    """
    places = tuple(map(place_of, texts)) or (local_place(),)
    names = [place.name for place in places]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--place {name} is given twice")
    if any(place.gpu for place in places):
        _must_be_there(places, gpus())
    if any(place.address for place in places) and find_spec("ray") is None:
        raise UserError("--place ray:... needs Ray: pip install 'policysearch[ray]'")
    return places


def _must_be_there(places: Iterable[Place], gpus: frozenset[str]) -> None:
    for place in places:
        if place.gpu and place.gpu not in gpus:
            listed = f"`nvidia-smi -L` lists {', '.join(sorted(gpus))}" if gpus else "`nvidia-smi -L` lists none"
            raise UserError(f"--place {place.name}: this machine has no such GPU; {listed}")
