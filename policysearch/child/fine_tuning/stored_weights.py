"""A file of weights, read without running anything in it."""

from __future__ import annotations

import io
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from policysearch.child.fine_tuning.normalisation import Normalisation
from policysearch.child.weights_file import SCHEMA
from policysearch.core.errors import UserError, in_one_line

_INNER = ("state_dict", "model_state_dict", "weights", "state", "model", "net", "network")
"""Keys under which files of trainings keep the weights, the most telling first."""
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_HOW = "torch.save(network.state_dict(), PATH) writes one that can be read"


@dataclass(frozen=True)
class StoredWeights:
    """What a file of weights says.

    Attributes:
        tensors: by name, on the CPU.
        normalisation: of the inputs that they were trained with; None where the file does not say.
        model: the network that they are of, as `--model` takes it; empty where the file does not say.
    """

    tensors: Mapping[str, Tensor]
    normalisation: Normalisation | None = None
    model: str = ""


def read_weights(content: bytes, name: str) -> StoredWeights:
    """Read a file of weights.

    Args:
        content: a network's file of this program, a `state_dict` written by `torch.save` (also inside the dictionary of
            a training, under a key such as `state_dict` or `model`), or safetensors.
        name: of the file, for messages.

    Returns:
        The weights.

    Raises:
        UserError: it is none of these, it holds objects other than tensors whose reading could run code, or some weight
            is not finite.
    """
    document = _from_safetensors(content, name) if _is_safetensors(content) else _from_torch(content, name)
    if not isinstance(document, dict):
        raise UserError(f"weights {name!r} hold a {type(document).__name__} and no dictionary of tensors: {_HOW}")
    tensors = _tensors(document)
    if not tensors:
        keys = ", ".join(sorted(map(str, document))[:5]) or "nothing"
        raise UserError(f"weights {name!r} hold no tensors by name, but {keys}: {_HOW}")
    tensors = {key: _plain(value, key, name) for key, value in tensors.items()}
    model = document.get("model")
    return StoredWeights(MappingProxyType(tensors), _normalisation(document), model if isinstance(model, str) else "")


def _from_torch(content: bytes, name: str) -> Any:
    """What `torch.save` wrote, tensors and plain values alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old forms of files, which are read all the same
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        match = _GLOBAL.search(str(error))
        if match is None:
            raise UserError(f"weights {name!r} are damaged, or no file of weights: {_HOW}") from None
        raise UserError(
            f"weights {name!r} hold a {match.group(1)} besides tensors, and to read it could run code of the file: "
            f"{_HOW}"
        ) from None
    except Exception as error:  # whatever a damaged or foreign file makes of it
        reason = in_one_line(error)[:120]
        raise UserError(f"weights {name!r} are damaged, or no file of weights ({reason}): {_HOW}") from None


def _is_safetensors(content: bytes) -> bool:
    """Whether it begins as safetensors do: the length of a header, and the header's brace."""
    return content[8:9] == b"{" and 0 < int.from_bytes(content[:8], "little") <= len(content)


def _from_safetensors(content: bytes, name: str) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load
    except ImportError:
        raise UserError(f"weights {name!r} need a package that is not installed: pip install safetensors") from None
    try:
        tensors: dict[str, Tensor] = load(content)
    except Exception as error:  # whatever a damaged file makes of it
        raise UserError(f"weights {name!r} are damaged: {in_one_line(error)[:120]}") from None
    return tensors


def _tensors(document: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors by name, of the document itself or of a table inside; what is no tensor there is left out."""
    inner: Callable[[str], Any] = document.get
    tables = [inner(key) for key in _INNER if isinstance(inner(key), Mapping)]
    for table in (*tables, document):
        tensors = {str(name): value for name, value in table.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
    return {}


def _plain(value: Tensor, key: str, name: str) -> Tensor:
    """A tensor as networks are given it: floats as float32, whatever they were stored as.

    Raises:
        UserError: it is complex, sparse, quantised or without content, or some weight is not finite.
    """
    if value.is_quantized or value.is_complex() or value.is_meta or value.layout != torch.strided:
        kind = "meta" if value.is_meta else str(value.dtype if value.is_complex() else value.layout)
        kind = "quantised" if value.is_quantized else kind.removeprefix("torch.")
        raise UserError(f"weights {name!r} hold {key!r} as a {kind} tensor: {_HOW} of dense real numbers")
    if not value.is_floating_point():
        return value
    value = value.float()
    if not bool(value.isfinite().all()):
        raise UserError(
            f"weights {name!r} are not all finite in float32, as in {key!r}: the training that made them diverged"
        )
    return value


def _normalisation(document: Mapping[Any, Any]) -> Normalisation | None:
    """What a network's file of this program says of its inputs.

    Other files may have a `mean` too, of pixels in [0, 1] or a buffer of the network, so theirs are not taken.
    """
    if document.get("schema") != SCHEMA:
        return None
    mean, std = document.get("mean"), document.get("std")
    try:
        normalisation = Normalisation(tuple(map(float, mean)), tuple(map(float, std)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    counts = len(normalisation.mean), len(normalisation.std)
    return normalisation if counts in ((1, 1), (3, 3)) and min(normalisation.std) > 0 else None
