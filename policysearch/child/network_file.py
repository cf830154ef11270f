"""A trained network in a file: written whole, read without running anything in it, and only if it is the right one."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn


def write_network(path: Path, key: Mapping[str, Any], network: nn.Module, metrics: Mapping[str, Any]) -> bool:
    """Write the weights, replacing the file at once; several processes may do so at the same time.

    Args:
        path: of the file; its folder is made, in one that is there.
        key: what the weights depend on.
        network: trained.
        metrics: what the training measured: numbers, texts and lists of them.

    Returns:
        Whether it was written: a full disk, or a machine that does not have the run's folder, is no reason to fail.
    """
    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    partial = ""
    try:
        path.parent.mkdir(exist_ok=True)
        handle, partial = tempfile.mkstemp(".partial", path.stem, path.parent)
        with os.fdopen(handle, "wb") as file:
            torch.save({"key": dict(key), "state": state, "metrics": dict(metrics)}, file)
        Path(partial).replace(path)
    except (OSError, RuntimeError):  # torch raises the latter where it cannot write
        with suppress(OSError):
            Path(partial).unlink()
        return False
    return True


def read_network(path: Path, key: Mapping[str, Any], network: nn.Module) -> dict[str, Any] | str:
    """Load the weights of a file into a network of the same kind.

    Args:
        path: of the file.
        key: what the weights must depend on.
        network: is changed if the file is right.

    Returns:
        The metrics that were written along; or what is wrong with the file, as a clause.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["key"] != dict(key):
            return f"{path.name} is of another training"
        network.load_state_dict(content["state"])
        return dict(content["metrics"])
    except FileNotFoundError:
        return f"{path.name} is not there"
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError):
        return f"{path.name} is damaged"
