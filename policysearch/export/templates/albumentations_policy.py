"""A policy of albumentations' own transforms, all drawn from one pair of generators, in every process its own."""

from __future__ import annotations

import inspect
import os
import random
import re
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakSet

import albumentations as A
import numpy as np
from torch.utils.data import get_worker_info

LIBRARY = "albumentations 2.0"
POLICIES: WeakSet[Any] = WeakSet()


def worker_init(worker: int = 0) -> None:
    """Make the policies of a DataLoader's worker draw what no other worker and no other epoch draws.

    All of them get one pair of generators, seeded as the worker is, so that `torch.manual_seed` or the loader's own
    generator repeats the draws. For `DataLoader(worker_init_fn=worker_init)`.
    """
    info = get_worker_info()
    seed = info.seed if info else None
    generators = np.random.default_rng(seed), random.Random(seed)
    for policy in POLICIES:
        policy.set_random_state(*generators)
        policy.process = os.getpid()


def must_fit(library: str) -> None:
    """Check that the transforms were written for the library that is installed.

    Two libraries are imported as albumentations. One ended with 2.0.8, the other, albumentationsx, went on from there
    with other names and other meanings of arguments.

    Raises:
        RuntimeError: they were written for the other one.
    """
    release = tuple(int(part) for part in re.findall(r"\d+", A.__version__)[:3])
    installed = "albumentationsx" if release > (2, 0, 8) else "albumentations"
    if library.split()[0] != installed:
        raise RuntimeError(
            f"this policy was written for {library}, and {installed} {A.__version__} is installed: export it again "
            "where that is installed"
        )


def transform_of(node: Mapping[str, Any]) -> Any:
    """A transform from its arguments as data.

    Raises:
        RuntimeError: the installed version has other arguments than the one that the data were written for.
    """
    kind = getattr(A, node["__class_fullname__"])
    arguments = {name: value for name, value in node.items() if name != "__class_fullname__"}
    unknown = sorted(set(arguments) - set(inspect.signature(kind.__init__).parameters))
    if unknown:
        raise RuntimeError(
            f"this policy was written for {LIBRARY}, and {kind.__name__} of the installed version {A.__version__} "
            f"takes no {', '.join(unknown)}: export it again where that is installed"
        )
    if "transforms" in arguments:
        arguments["transforms"] = [transform_of(part) for part in arguments["transforms"]]
    return kind(**arguments)


class AlbumentationsPolicy(A.Compose):
    """`A.Compose` of transforms given as data or as objects; `options` are those of `A.Compose`.

    In `A.Compose` every transform has a generator, and one seed makes all of them alike, so that what is drawn for one
    step decides the next; worker processes begin with copies of them. Here the transforms share a pair of generators,
    which a new process replaces.
    """

    def __new__(cls, *_: Any, **__: Any) -> AlbumentationsPolicy:
        # Not in __init__, which objects that come from another process do not pass.
        policy: AlbumentationsPolicy = super().__new__(cls)
        POLICIES.add(policy)
        return policy

    def __init__(self, transforms: Iterable[Any], **options: Any) -> None:
        self.process = os.getpid()
        parts = [transform_of(part) if isinstance(part, Mapping) else part for part in transforms]
        super().__init__(parts, **options)

    def __call__(self, *arguments: Any, **data: Any) -> Any:
        if self.process != os.getpid():
            worker_init()
        return super().__call__(*arguments, **data)

    def set_random_seed(self, seed: int | None) -> None:
        self.seed = seed
        self.set_random_state(np.random.default_rng(seed), random.Random(seed))

    def to_dict_private(self) -> dict[str, Any]:
        """As a plain `A.Compose`, so that `A.from_dict` reads what `A.to_dict` writes."""
        return {**super().to_dict_private(), "__class_fullname__": "Compose"}
