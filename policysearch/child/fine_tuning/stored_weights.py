"""A file of weights, read without running anything in it."""

from __future__ import annotations

import argparse
import io
import math
import pickle
import re
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Tensor

from policysearch.child.fine_tuning.normalisation import Normalisation
from policysearch.child.weights_file import SCHEMA
from policysearch.core.errors import UserError, in_one_line, shortened

_AVERAGED = ("state_dict_ema", "model_ema", "ema")
"""Keys under which files of trainings keep a moving average of the weights, as timm, torchvision and others name it.

`ema_state_dict` is none: MMEngine keeps the weights as they were there, and their average under `state_dict`.
"""
_INNER = ("state_dict", "model_state_dict", "weights", "state", "model", "net", "network")
"""Keys under which files of trainings keep the weights, the most telling first."""
_AT_LEAST_ZERO = {"running_var": "variances", "num_batches_tracked": "counts of batches"}
"""What norms keep that is never below 0, by the last part of a tensor's name."""
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_HOW = "torch.save(network.state_dict(), PATH) writes one that can be read"


@dataclass(frozen=True)
class StoredWeights:
    """What a file of weights says.

    Attributes:
        tensors: by name, on the CPU.
        normalisation: of the inputs that they were trained with; None where the file does not say.
        model: the network that they are of, as `--model` takes it; empty where the file does not say.
        key: under which the file has them; empty where they are the file itself.
        others: keys under which it has more weights, which are not taken.
    """

    tensors: Mapping[str, Tensor]
    normalisation: Normalisation | None = None
    model: str = ""
    key: str = ""
    others: tuple[str, ...] = ()

    @property
    def is_averaged(self) -> bool:
        """Whether they are a moving average of those of a training."""
        return self.key in _AVERAGED


def read_weights(content: bytes, name: str) -> StoredWeights:
    """Read a file of weights.

    Where a training kept a moving average of its weights too, that is taken: it is what such trainings are judged by.

    Args:
        content: a network's file of this program, a `state_dict` written by `torch.save` (also inside the dictionary of
            a training, under a key such as `state_dict`, `model` or `model_ema`), or safetensors.
        name: of the file, for messages.

    Returns:
        The weights.

    Raises:
        UserError: it is none of these, it holds objects other than tensors whose reading could run code, or numbers
            that no network has: not finite, or a variance below 0.
    """
    document = _from_safetensors(content, name) if _is_safetensors(content) else _from_torch(content, name)
    if not isinstance(document, dict):
        raise UserError(f"weights {name!r} hold a {type(document).__name__} and no dictionary of tensors: {_HOW}")
    tables = _tables(document)
    if not tables:
        keys = ", ".join(sorted(map(str, document))[:5]) or "nothing"
        raise UserError(f"weights {name!r} hold no tensors by name, but {keys}: {_HOW}")
    key, *others = tables
    tensors = {place: _plain(value, place, name) for place, value in tables[key].items()}
    model = document.get("model")
    return StoredWeights(
        MappingProxyType(tensors),
        _normalisation(document, name),
        model if isinstance(model, str) else "",
        key,
        tuple(others),
    )


def _from_torch(content: bytes, name: str) -> Any:
    """What `torch.save` wrote, tensors and plain values alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old forms of files, which are read all the same
            # Trainings of timm and torchvision keep their settings in one, which runs nothing.
            with _allowed(argparse.Namespace):
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


def _allowed(kind: type) -> AbstractContextManager[Any]:
    """Objects of one more type may be read; torch before 2.5 has no such moment, and refuses them."""
    allow = getattr(torch.serialization, "safe_globals", None)
    return nullcontext() if allow is None else cast("AbstractContextManager[Any]", allow([kind]))


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


def _tables(document: Mapping[Any, Any]) -> dict[str, dict[str, Tensor]]:
    """The tensors by name, by the key of the table that has them; the one to take comes first.

    What is no tensor is left out, and a table of single numbers is none. The document itself, whose key is empty,
    counts where no table inside does.
    """
    tables: dict[str, dict[str, Tensor]] = {}
    for key in (*_AVERAGED, *_INNER):
        table = document.get(key)
        if isinstance(table, Mapping) and _has_arrays(table):
            tables[key] = _tensors(table)
    if not tables and (tensors := _tensors(document)):
        return {"": tensors}
    return tables


def _tensors(table: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): value for name, value in table.items() if isinstance(value, Tensor)}


def _has_arrays(table: Mapping[Any, Any]) -> bool:
    return any(value.dim() > 0 for value in _tensors(table).values())


def _plain(value: Tensor, key: str, name: str) -> Tensor:
    """A tensor as networks are given it: floats as float32, whatever they were stored as.

    Raises:
        UserError: it is complex, sparse, quantised or without content, some weight is not finite, or a variance or
            count of a norm is below 0.
    """
    if value.is_quantized or value.is_complex() or value.is_meta or value.layout != torch.strided:
        kind = "meta" if value.is_meta else str(value.dtype if value.is_complex() else value.layout)
        kind = "quantised" if value.is_quantized else kind.removeprefix("torch.")
        raise UserError(f"weights {name!r} hold {key!r} as a {kind} tensor: {_HOW} of dense real numbers")
    single = value.float() if value.is_floating_point() else value
    finite = single.isfinite()
    if not bool(finite.all()):
        first = value.double()[~finite][0].item()
        raise UserError(
            f"weights {name!r} hold {first:g} in {key!r}, and all must be finite in float32: the training that made "
            "them diverged"
        )
    quantity = _AT_LEAST_ZERO.get(key.rpartition(".")[2])
    least = single.double().min().item() if quantity and single.numel() else 0.0
    if least < 0:
        raise UserError(
            f"weights {name!r} hold {least:g} in {key!r}, and {quantity} are 0 or more: the file is damaged, "
            "or was changed after its training"
        )
    return single


def _normalisation(document: Mapping[Any, Any], name: str) -> Normalisation | None:
    """What a network's file of this program says of its inputs.

    Other files may have a `mean` too, of pixels in [0, 1] or a buffer of the network, so theirs are not taken.

    Raises:
        UserError: this program's own is no normalisation.
    """
    if document.get("schema") != SCHEMA:
        return None
    mean, std = document.get("mean"), document.get("std")
    if mean is None and std is None:
        return None
    try:
        normalisation = Normalisation(tuple(map(float, mean)), tuple(map(float, std)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        normalisation = Normalisation((), ())
    counts = len(normalisation.mean), len(normalisation.std)
    numbers = (*normalisation.mean, *normalisation.std)
    if counts not in ((1, 1), (3, 3)) or not all(map(math.isfinite, numbers)) or min(normalisation.std) <= 0:
        raise UserError(
            f"weights {name!r} say that their inputs were normalised by mean {shortened(repr(mean))} and std "
            f"{shortened(repr(std))}, and both are 1 or 3 finite numbers, those of std above 0: the file is damaged"
        )
    return normalisation
