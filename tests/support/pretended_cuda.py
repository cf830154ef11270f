"""A CUDA device that is pretended: tensors say that they are on it, and what they hold is computed on the CPU.

`torch._subclasses.FakeTensorMode` does not do here: without a driver its backward pass ends in the device guard, and
augmentation stops at the first size that depends on a draw. Pretended tensors have values, so that everything runs,
and runs to the end. To C++ they are on the device `meta`, to Python on `cuda:0`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_map_only

aten = torch.ops.aten
CUDA, META = torch.device("cuda", 0), torch.device("meta")
ACROSS = frozenset([aten.copy_.default, aten._to_copy.default])
"""The only operations that take tensors of two devices."""
WAITS = frozenset([aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default, aten.is_nonzero.default])
"""Operations after which Python knows something of the values, and for which it waits for the device."""

_PINNED: dict[int, torch.Tensor] = {}


class DeviceMismatch(Exception):
    """An operation got tensors of two devices."""


class PretendedTensor(torch.Tensor):
    """A tensor on the pretended device; `values` holds what is on it."""

    values: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> PretendedTensor:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=META,
        )

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    @property
    def device(self) -> torch.device:
        return CUDA

    @property
    def is_cuda(self) -> bool:
        return True

    def tolist(self) -> Any:
        return copied(self).tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError("pretended tensors live inside `pretended_cuda`")


class PretendedGenerator(torch.Generator):
    """A generator that says it is where it was asked to be, and draws on the CPU."""

    def __new__(cls, device: Any = "cpu") -> PretendedGenerator:
        generator = super().__new__(cls)
        generator.place = torch.device(device)
        return generator

    def __init__(self, device: Any = "cpu") -> None:
        pass

    @property
    def device(self) -> torch.device:
        return self.place


def copied(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the CPU, which waits for the device."""
    return tensor.detach().cpu()


class _Devices(TorchFunctionMode):
    """Writes `meta` where Python says `cuda`, before C++ asks for a driver."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.device:
            return function(*args, **kwargs)
        if function is torch.tensor and torch.device(kwargs.get("device") or "cpu").type == "cuda":
            return function(*args, **{**kwargs, "device": "cpu"}).to(META)
        if function is torch.Tensor.pin_memory:
            _PINNED[id(args[0])] = args[0]
            return args[0]
        if function is torch.Tensor.new_tensor and isinstance(args[0], PretendedTensor):
            return function(args[0].values, *args[1:], **kwargs).to(META)
        args, kwargs = tree_map(_for_cpp, (args, kwargs))
        return function(*args, **kwargs)


def _for_cpp(value: Any) -> Any:
    if isinstance(value, torch.device):
        return META if value.type == "cuda" else value
    return "meta" if isinstance(value, str) and value.startswith("cuda") else value


class Watch(TorchDispatchMode):
    """Runs every operation on the values, and refuses those of two devices.

    Attributes:
        waits: operations for which Python waited for the device, by name.
        blocking_uploads: copies to the device that were not asynchronous from pinned memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.blocking_uploads = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, torch.Tensor)]
        pretended = [tensor for tensor in tensors if isinstance(tensor, PretendedTensor)]
        there = bool(pretended)
        if there and function not in ACROSS:
            strangers = [t for t in tensors if not isinstance(t, PretendedTensor) and t.dim()]
            if strangers:
                raise DeviceMismatch(f"{function} of cuda and cpu: {[tuple(t.shape) for t in tensors]}")

        if kwargs.get("device") is not None:
            there = kwargs["device"].type == "meta"
            kwargs["device"] = torch.device("cpu")
        elif function is aten.copy_.default:
            there = isinstance(args[0], PretendedTensor)
        if pretended and (function in WAITS or (function in ACROSS and not there)):
            self.waits[str(function)] += 1
        if function is aten._to_copy.default and there and not pretended:
            self.blocking_uploads += not (kwargs.get("non_blocking") and id(args[0]) in _PINNED)

        plain_args, plain_kwargs = tree_map_only(PretendedTensor, lambda t: t.values, (args, kwargs))
        out = function(*plain_args, **plain_kwargs)
        return _wrapped(out, plain_args, plain_kwargs, args, kwargs) if there else out


def _wrapped(out: Any, plain_args: Any, plain_kwargs: Any, args: Any, kwargs: Any) -> Any:
    """The result on the device; what was changed in place is the tensor that was given."""
    before = {
        id(plain): original
        for plain, original in zip(
            tree_flatten((plain_args, plain_kwargs))[0], tree_flatten((args, kwargs))[0], strict=True
        )
        if isinstance(original, PretendedTensor)
    }
    return tree_map_only(torch.Tensor, lambda t: before.get(id(t)) if id(t) in before else PretendedTensor(t), out)


@contextmanager
def pretended_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Within it `cuda` is a device that tensors may be moved to, and on which children are trained."""
    monkeypatch.setattr(torch, "Generator", PretendedGenerator)
    state = torch.zeros(16, dtype=torch.uint8)
    for name, result in {
        "get_device_capability": (8, 0),
        "reset_peak_memory_stats": None,
        "max_memory_allocated": 2**20,
        "get_rng_state": state,
        "set_rng_state": None,
        "is_available": True,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda *args, result=result, **kwargs: result)
    watch = Watch()
    with _Devices(), watch:
        yield watch
    _PINNED.clear()
