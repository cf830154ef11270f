"""Checkpoints on a Ray cluster: they travel through its object store to an actor on the controller's node."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from policysearch.child.checkpoint_store import Files

_ANSWER_WITHIN = 60.0  # seconds for a content to travel


class _Keeper:
    """What lives in the actor: the files of the controller's machine."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def write(self, name: str, content: bytes) -> None:
        self._files.write(name, content)

    def read(self, name: str) -> bytes | None:
        return self._files.read(name)

    def delete(self, name: str) -> None:
        self._files.delete(name)


@dataclass(frozen=True)
class RayFiles:
    """Files of the controller's machine, as actors on any node of the cluster reach them.

    They outlive the cluster, as files in the run's folder. What cannot be reached within a minute counts as missing.

    Attributes:
        actor: has the files.
    """

    actor: Any

    @classmethod
    def of(cls, files: Files) -> RayFiles:
        """An actor on this node, which needs no place of its own there."""
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return cls(ray.remote(_Keeper).options(num_cpus=0, scheduling_strategy=here).remote(files))

    def write(self, name: str, content: bytes) -> None:
        try:
            ray.get(self.actor.write.remote(name, content), timeout=_ANSWER_WITHIN)
        except RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, OSError) else OSError(str(cause)) from None
        except RayError as error:
            raise OSError(" ".join(str(error).split())[:300]) from None

    def read(self, name: str) -> bytes | None:
        try:
            content: bytes | None = ray.get(self.actor.read.remote(name), timeout=_ANSWER_WITHIN)
        except RayError:  # the controller's node cannot be reached
            return None
        return content

    def delete(self, name: str) -> None:
        with suppress(RayError):  # what stays is removed with the folder's other checkpoints
            self.actor.delete.remote(name)
