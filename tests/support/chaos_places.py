"""Where searches of a chaos test run and are recorded, and what can be killed there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.support.kills import completed
from tests.support.postgres import PASSWORD, private_server

MARK = "POLICYSEARCH_CHAOS"
"""In the environment of every process of a cluster that is started here."""
Processes = dict[str, list[psutil.Process]]


@dataclass(frozen=True)
class Place:
    """One place.

    Attributes:
        name: local, ray or postgres.
        kinds: what can be killed, besides the controller.
        settings: flags of a search by name, from the folder of the run.
        trials_of: how many trials of the run in a folder have ended.
        disturb: by kind, what is done where the kind is not a process of the search.
    """

    name: str
    kinds: tuple[str, ...]
    settings: Callable[[Path], Mapping[str, str]] = lambda folder: {}
    trials_of: Callable[[Path], int] = lambda folder: completed(folder / "study.db")
    disturb: Mapping[str, Callable[[], object]] = field(default_factory=dict)


LOCAL = Place("local", ("worker", "forkserver"))


@contextmanager
def postgres() -> Iterator[Place]:
    """Studies on a PostgreSQL server that is stopped at once and started again."""
    with private_server("") as server:
        if server is None:
            raise RuntimeError("PostgreSQL is not installed")
        url = server.new_database("chaos")

        def restart() -> None:
            server.stop("immediate")
            server.start()

        def count(folder: Path) -> int:
            statement = (
                "SELECT COUNT(*) FROM trials JOIN studies USING (study_id) "
                f"WHERE study_name LIKE '{folder.name}%' AND state = 'COMPLETE'"
            )
            try:
                return int(server.sql("chaos", statement))
            except psycopg.Error:  # no table yet
                return 0

        os.environ["PGPASSWORD"] = PASSWORD  # config.toml keeps none
        settings = {"storage": url}
        yield Place("postgres", ("worker", "server"), lambda folder: settings, count, {"server": restart})


@contextmanager
def ray() -> Iterator[Place]:
    """Workers on a Ray cluster whose node is killed, and replaced by another."""
    from ray.cluster_utils import Cluster

    os.environ[MARK] = str(os.getpid())
    soon = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "_system_config": soon}
    cluster: Any = Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
    nodes = [cluster.add_node(num_cpus=1)]

    def replace_node() -> None:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        nodes.append(cluster.add_node(num_cpus=1))

    def settings(folder: Path) -> Mapping[str, str]:
        return {"pool": "ray", "ray-address": cluster.address, "device": "cpu"}

    try:
        yield Place("ray", ("actor", "node"), settings, disturb={"node": replace_node})
    finally:
        cluster.shutdown()


PLACES: Mapping[str, Callable[[], AbstractContextManager[Place]]] = {
    "local": lambda: nullcontext(LOCAL),
    "ray": ray,
    "postgres": postgres,
}


def processes_of(controller_id: int) -> Processes:
    """The living processes of a search by kind; a worker is a child of the forkserver, an actor belongs to a cluster.

    Args:
        controller_id: process id of its controller.
    """
    processes: Processes = {}
    with suppress(psutil.NoSuchProcess):
        controller = psutil.Process(controller_id)
        processes["controller"] = [controller]
        for child in controller.children():
            if "forkserver" in " ".join(child.cmdline()):
                processes.setdefault("forkserver", []).append(child)
                processes.setdefault("worker", []).extend(child.children())
    processes["actor"] = _actors()
    return processes


def _actors() -> list[psutil.Process]:
    """Actors of Ray pools whose cluster was started by this process."""
    processes = psutil.process_iter(["cmdline", "environ"])
    return [
        process
        for process in processes
        if "ray::_Child" in " ".join(process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get(MARK) == str(os.getpid())
    ]
