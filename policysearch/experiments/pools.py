"""The pool that trains the children of a search, and the check of its settings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, Files, FolderFiles
from policysearch.child.fine_tuning.start import Start
from policysearch.core.cores import usable_cores
from policysearch.core.errors import UserError, unknown_name
from policysearch.core.files import separated
from policysearch.core.tasks import task_named
from policysearch.core.user_code import is_of_main
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.shipped_code import code_to_ship
from policysearch.experiments.user_training import needed_at_points, needed_metrics
from policysearch.study.rewards import further_metrics
from policysearch.study.settings import ChildSettings, ModelSettings, PlaceSettings
from workers.main_module import must_be_able_to_start_processes, must_not_be_a_rerun, must_reach_workers

Config = TypeVar("Config", bound=ChildSettings)

_log = logging.getLogger(__name__)


class PoolOf(Protocol):
    """Opens the pool of a config whose device is known, for a data set; closes it at the context's end.

    `test` lets its workers read the test part, as only `policysearch evaluate` does. `keeping` is where and what they
    keep of their children; None: nothing.
    """

    def __call__(
        self, config: ChildSettings, dataset: Dataset, *, test: bool = False, keeping: Keeping | None = None
    ) -> AbstractContextManager[Any]: ...


@dataclass(frozen=True)
class Keeping:
    """What a pool's workers keep of their children.

    Attributes:
        folder: of the checkpoints.
        children: whether the last state of every child is kept, and not only what a killed one goes on from.
        end: epochs beyond which no child goes on.
    """

    folder: Path
    children: bool = False
    end: float = inf


def must_name_a_pool(config: PlaceSettings) -> None:
    """Check that the pool exists and that its settings go together.

    Raises:
        UserError: no such pool, or settings that do not go together.
    """
    must_not_be_a_rerun()
    if config.pool not in _PLACES:
        raise unknown_name("pool", config.pool, _PLACES)
    (_check_ray if config.pool == "ray" else _check_local)(config)


def _check_local(config: PlaceSettings) -> None:
    for name in ("ray_address", "gpus_per_worker", "cpus_per_worker"):
        if getattr(config, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} is for --pool ray, and the pool is local: add --pool ray")
    if config.workers != 0:
        must_be_able_to_start_processes()


def _check_ray(config: PlaceSettings) -> None:
    gpus = config.gpus_per_worker
    if config.workers == 0:
        raise UserError("--workers 0 trains in this process, --pool ray in its workers: give 1 or more, or none")
    if config.device not in ("auto", "cpu", "cuda"):
        raise UserError(
            f"with --pool ray the cluster picks the GPU: device must be auto, cpu or cuda, got {config.device!r}"
        )
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise UserError(f"--gpus-per-worker must be a share up to 1 or a whole number, got {gpus:g}")
    if config.device == "cuda" and gpus == 0:
        raise UserError("--device cuda needs GPUs, and --gpus-per-worker is 0: give more, such as 0.5, or --device cpu")


def workplace(config: Config) -> AbstractContextManager[tuple[Config, PoolOf]]:
    """Connect to the place where children are trained.

    Args:
        config: resolved and checked, with the user's code imported.

    Returns:
        a context that gives the config with its device filled in, and the function that opens its pool.

    Raises:
        UserError: the place cannot be reached (raised on entering).
    """
    return _PLACES[config.pool](config)


@contextmanager
def _this_machine(config: Config) -> Iterator[tuple[Config, PoolOf]]:
    if config.workers:
        must_reach_workers(_defined_in_main(config))
    yield config, _local_pool


@contextmanager
def _ray_cluster(config: Config) -> Iterator[tuple[Config, PoolOf]]:
    from workers.cluster import connected, totals

    cpus = ceil((config.workers or 0) * _cpus(config))
    with TemporaryDirectory(prefix="policysearch-") as folder:
        code = code_to_ship(_user_code(config), Path(folder)) if config.ray_address else []
        with connected(config.ray_address, cpus, code):
            yield _on_cluster(config, totals()["GPU"]), _ray_pool


def _user_code(config: ModelSettings) -> list[str]:
    return [*separated(config.operations), config.train or config.model]


def _defined_in_main(config: ModelSettings) -> list[str]:
    """What workers need of the main script: its network, and operations that it has registered."""
    network = [f"model {config.model!r}"] if config.model.startswith("__main__:") else []
    if config.train is not None and is_of_main(config.train):
        network = [f"train function {config.train.rpartition(':')[2]!r}"]
    registry = sys.modules.get("policysearch.augmentation.kernels.registry")
    kernels = registry.KERNELS if registry else {}
    return network + [f"operation {name!r}" for name, kernel in kernels.items() if kernel.__module__ == "__main__"]


def _on_cluster(config: Config, total_gpus: float) -> Config:
    """The config with the device that `auto` means on the cluster, and each worker's share of a GPU."""
    gpus, device = config.gpus_per_worker, config.device
    if device == "auto":
        use_gpu = total_gpus > 0 if gpus is None else gpus > 0
        device = "cuda" if use_gpu else "cpu"
    if gpus is None:
        gpus = 0.5 if device == "cuda" else 0.0
    return config.model_copy(update={"device": device, "gpus_per_worker": gpus})


def _cpus(config: PlaceSettings) -> float:
    return config.cpus_per_worker or 1.0


def further_of(config: ChildSettings) -> tuple[str, ...]:
    """The metrics that children are asked for besides: those that a reward of the experiment may use."""
    rewards = (getattr(config, "reward", None), getattr(config, "confirm_reward", None))
    return further_metrics([text for text in rewards if text]) if task_named(config.task).has_classes else ()


def _setup(config: ChildSettings, data: Dataset | str, test: bool, checkpoints: Checkpointing | None) -> Any:
    if config.train is not None:
        return _function_setup(config, data, test)
    from workers.evaluate import ChildSetup

    start = Start.of(config.weights, config.normalisation)
    elsewhere = not isinstance(data, str)

    return ChildSetup(
        data,
        config.validation,
        config.split_seed,
        config.model,
        config.recipe,
        config.device,
        config.operations,
        test,
        checkpoints,
        further=further_of(config),
        task=config.task,
        start=start.shipped() if start and elsewhere else start,
    )


def _function_setup(config: ChildSettings, data: Dataset | str, test: bool) -> Any:
    from workers.function_training import FunctionSetup

    return FunctionSetup(
        str(config.train),
        data,
        config.validation,
        config.split_seed,
        config.device,
        needed_metrics(config, test),
        needed_at_points(config),
        config.operations,
        test,
        max(1, usable_cores() // config.workers) if config.workers and config.pool == "local" else 0,
    )


def _checkpointing(
    config: ChildSettings, keeping: Keeping | None, shared: Callable[[Files], Files] = lambda files: files
) -> Checkpointing | None:
    """What workers keep, and where; `shared` makes the files those that all of them reach."""
    if keeping is None or not (config.checkpoint_every or keeping.children):
        return None
    files = FolderFiles(keeping.folder.absolute(), config.checkpoint_limit)
    store = CheckpointStore(shared(files))
    return Checkpointing(store, config.checkpoint_every, keeping.children, end=keeping.end)


@contextmanager
def _closed(pool: Any) -> Iterator[Any]:
    try:
        yield pool
    finally:
        pool.close()


def _local_pool(
    config: ChildSettings, dataset: Dataset, *, test: bool = False, keeping: Keeping | None = None
) -> AbstractContextManager[Any]:
    from workers.in_process import InProcessPool
    from workers.local import LocalPool

    setup = _setup(config, dataset.handle, test, _checkpointing(config, keeping))
    _log.info("local pool: %d worker processes on %s", config.workers or 0, config.device)
    return _closed(LocalPool(setup, config.workers, config.deadline) if config.workers else InProcessPool(setup))


def _ray_pool(
    config: ChildSettings, dataset: Dataset, *, test: bool = False, keeping: Keeping | None = None
) -> AbstractContextManager[Any]:
    from workers.ray_files import RayFiles
    from workers.ray_pool import RayPool

    _log.info("ray pool: %s workers on %s", config.workers or "as many as fit", config.device)
    pool = RayPool(
        _setup(config, dataset.portable(test), test, _checkpointing(config, keeping, RayFiles.of)),
        config.workers,
        config.deadline,
        cpus=_cpus(config),
        gpus=config.gpus_per_worker or 0.0,
        patience=config.ray_wait,
    )
    return _closed(pool)


_PLACES: dict[str, Callable[[Any], AbstractContextManager[tuple[Any, PoolOf]]]] = {
    "local": _this_machine,
    "ray": _ray_cluster,
}
