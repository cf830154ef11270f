"""Children on Ray: as on local workers, and through the death of actors, nodes and controllers."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from policysearch.child.checkpoint_store import CheckpointStore, FolderFiles
from policysearch.core.errors import UserError
from policysearch.core.trial import Trial
from policysearch.core.user_code import import_all
from policysearch.datasets.load import load
from policysearch.experiments.pools import workplace
from policysearch.experiments.resolve import resolved
from policysearch.experiments.search.run import search
from policysearch.experiments.shipped_code import code_to_ship
from policysearch.study.controller import run
from tests.support.kills import command, completed
from tests.support.pool_conformance import (
    FailsTwice,
    Numbers,
    PoolConformance,
    Setup,
    broken_setup,
    dies_once,
    must_go_on_after_a_kill,
    trial,
)
from tests.support.quick import config_for
from tests.support.task_data import OTHER_TASKS, settings_of_task
from workers.cluster import connected, room, totals
from workers.local import LocalPool
from workers.pool import WorkersCannotStart

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402

from workers import ray_pool  # noqa: E402
from workers.ray_files import RayFiles  # noqa: E402
from workers.ray_pool import RayPool  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def tests_can_be_imported():
    """In the workers of clusters that are started here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2])]))
        patch.setenv(OURS, str(os.getpid()))
        yield


OURS = "POLICYSEARCH_TESTS"
"""In the environment of every process that these tests start, however it came to be."""


def actors() -> list[psutil.Process]:
    """Every process that is an actor of a Ray pool of these tests."""
    found = psutil.process_iter(["cmdline", "environ"])
    return [
        process
        for process in found
        if "ray::_Child" in " ".join(process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get(OURS) == str(os.getpid())
    ]


def gone(seconds: float = 60) -> bool:
    """Whether all actors end within so many seconds."""
    end = time.monotonic() + seconds
    while actors() and time.monotonic() < end:
        time.sleep(0.1)
    return not actors()


def where(seconds: float, trial: Trial) -> dict[str, object]:
    """A child that takes so long and tells which node and GPU it was given, and when it began and ended."""
    began = time.time()
    time.sleep(seconds)
    node = ray.get_runtime_context().get_node_id()
    return {"node": node, "gpus": ray.get_gpu_ids(), "shown": os.environ.get("CUDA_VISIBLE_DEVICES"), "began": began}


def together(folder: str, count: int, trial: Trial) -> dict[str, object]:
    """A child that ends when so many of its kind run at once."""
    Path(folder, str(trial.number)).touch()
    end = time.monotonic() + 60
    while len(list(Path(folder).iterdir())) < count:
        assert time.monotonic() < end, "alone"
        time.sleep(0.05)
    return where(0, trial)


class Together:
    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = str(folder), count

    def __call__(self):
        return partial(together, self.folder, self.count)


class Where:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self):
        return partial(where, self.seconds)


def all_told(pool, arms: list[str], **settings) -> Numbers:
    source = Numbers(arms)
    try:
        run(source, pool, **settings)
    finally:
        pool.close()
    return source


@pytest.fixture(scope="class")
def two_gpus():
    """A connection that is not the pool's own, to a machine that says it has 8 cores and 2 GPUs."""
    settings = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(address="local", num_cpus=8, num_gpus=2, **settings)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("two_gpus")
class TestRayPool(PoolConformance):
    @pytest.fixture
    def make(self):
        return RayPool

    def processes(self) -> set[int]:
        gone()
        return {process.pid for process in actors()}

    def test_a_killed_actor_is_one_failed_attempt_and_is_replaced(self, pool):
        source = Numbers(["die once", *["echo"] * 6])
        run(source, pool, retries=1)
        assert source.failed == [(0, "worker died: its process was killed or crashed")]
        assert len(source.told) == 7 and not any(o.error for o in source.told.values())

    def test_a_trial_whose_actor_is_killed_goes_on_from_its_checkpoint(self, tmp_path):
        setup = dies_once(tmp_path)
        store = CheckpointStore(RayFiles.of(setup.checkpoints.store.files))
        must_go_on_after_a_kill(RayPool, replace(setup, checkpoints=replace(setup.checkpoints, store=store)))
        assert len([*tmp_path.glob("checkpoints/*.running")]) == 1, "the files are the controller's"

    def test_files_of_an_actor_that_is_gone_are_missed_in_a_sentence(self, tmp_path):
        files = RayFiles.of(FolderFiles(tmp_path, 1.0))
        files.write("a.pt", b"a")
        assert files.read("a.pt") == b"a" and (tmp_path / "a.pt").read_bytes() == b"a" and files.read("b.pt") is None
        with pytest.raises(OSError, match=r"Is a directory|File name too long"):
            files.write("x" * 300 + "/", b"a")
        ray.kill(files.actor)
        assert files.read("a.pt") is None
        with pytest.raises(OSError, match=r"died|dead"):
            files.write("a.pt", b"a")

    def test_an_idle_actor_that_dies_costs_no_attempt(self, pool):
        source = Numbers(["echo"] * 4)
        run(source, pool)
        os.kill(int(source.told[0].metrics["pid"]), signal.SIGKILL)
        source = Numbers(["echo"] * 4)
        run(source, pool, retries=0)
        assert len(source.told) == 4 and not any(o.error for o in source.told.values())

    def test_all_that_has_come_counts_before_the_deadline_does(self, tmp_path):
        """A controller that waited for its storage comes back late to two children that ended in time."""
        pool = RayPool(Setup(tmp_path), 2)
        while not all(worker.ready for worker in pool._workers):
            pool.wait(0.1)
        for number in range(2):
            pool.submit(trial(number))
        ended = [worker.handle.pending for worker in pool._workers]
        assert len(ray.wait(ended, num_returns=2, timeout=60)[0]) == 2
        pool._deadline = 0.0
        back = pool.wait(10)
        pool.close()
        assert sorted(outcome.metrics["number"] for _, outcome in back) == [0, 1]

    def test_the_deadline_kills_the_child_alone(self, tmp_path):
        source = all_told(RayPool(Setup(tmp_path), 2, deadline=1.5), ["sleep", *["echo"] * 5], retries=0)
        assert source.told[0].error == "deadline of 1.5 s passed" and source.told[0].seconds >= 1.5
        assert not any(o.error for n, o in source.told.items() if n)

    @pytest.mark.slow
    def test_workers_that_cannot_start_are_told_not_waited_for(self):
        with pytest.raises(WorkersCannotStart, match="OSError: no such data"):
            all_told(RayPool(broken_setup, 2), ["echo"] * 4)

    @pytest.mark.slow
    def test_a_trial_is_not_charged_for_actors_that_do_not_start(self, tmp_path):
        source = all_told(RayPool(FailsTwice(tmp_path), 1), ["echo"] * 3, retries=0)
        assert len(source.told) == 3 and not any(o.error for o in source.told.values())

    @pytest.mark.slow
    def test_an_outcome_that_cannot_be_sent_is_a_failure(self):
        source = all_told(RayPool(unsendable, 1), ["echo"], retries=0)
        assert "lock" in source.told[0].error

    @pytest.mark.slow
    def test_eight_quarters_share_two_gpus(self, tmp_path):
        source = all_told(RayPool(Together(tmp_path, 8), 8, cpus=0.5, gpus=0.25), ["echo"] * 8, retries=0)
        told = [outcome.metrics for outcome in source.told.values()]
        assert Counter(tuple(m["gpus"]) for m in told) == {(0,): 4, (1,): 4}
        assert all(m["shown"] == str(m["gpus"][0]) for m in told)

    @pytest.mark.slow
    def test_at_most_as_many_as_fit_run_at_once(self):
        source = all_told(RayPool(Where(0.5), None, cpus=1, gpus=1), ["echo"] * 6, retries=0)
        began = sorted(o.metrics["began"] for o in source.told.values())
        assert all(later - sooner >= 0.5 for sooner, later in zip(began, began[2:], strict=False))
        assert room(1, 0.25) == 8 and room(1, 1) == 2 and room(3, 0) == 2 and totals() == {"CPU": 8, "GPU": 2}

    def test_a_connection_of_the_users_own_is_used_and_left(self):
        with connected(None, 2):
            assert totals()["GPU"] == 2
        assert ray.is_initialized()
        with pytest.raises(UserError, match="this process is connected to"), connected("10.0.0.1:6379", 2):
            pass

    @pytest.mark.parametrize(
        ("settings", "device", "gpus"),
        [({}, "cuda", 0.5), ({"gpus_per_worker": 0.0}, "cpu", 0.0), ({"device": "cpu"}, "cpu", 0.0)],
    )
    def test_the_cluster_says_what_device_there_is(self, settings, device, gpus, tmp_path):
        config = config_for(tmp_path / "run", pool="ray", workers=None, **settings)
        with workplace(config) as (found, _):
            assert (found.device, found.gpus_per_worker) == (device, gpus)


@pytest.mark.parametrize(
    ("told_by_ray", "told"),
    [
        ("Worker exit detail: 1 worker(s) were killed due to the node running low on memory. 15 of 16 GB", "memory"),
        ("The actor is dead because\n\tthe actor's node was terminated unexpectedly: health check", "its node left"),
        ("something\nnew", "worker died: something new"),
    ],
)
def test_why_an_actor_died_is_told_in_a_line(told_by_ray, told):
    assert told in ray_pool._cause(told_by_ray) and "\n" not in ray_pool._cause(told_by_ray)


def unsendable():
    import threading

    return lambda trial: {"lock": threading.Lock()}


@pytest.mark.slow
def test_ray_and_local_pools_give_the_same_to_the_last_bit(tmp_path):
    from policysearch.policy.policy import Policy

    config = config_for(tmp_path / "run", pool="ray", workers=2, device="cpu")
    policy = Policy.preset("trivialaugment-wide")
    some = [Trial(n, policy.hash, policy.to_json(), n, 123 + n, 40, 2) for n in range(3)]
    with workplace(config) as (config, pool_of), pool_of(config, load("fashion-small")) as pool:
        on_ray = metrics(pool, some)
        sent = ray.get(pool._setup).data
        here = metrics(LocalPool(replace(ray.get(pool._setup), data=sent.handle), 2), some)
        assert len(sent.x_train) == 6000 and not len(sent.x_test) and not len(sent.y_test)
        assert not sent.x_train.flags.owndata and not sent.x_train.flags.writeable  # it is the object store's
    assert on_ray == here and len(here) == 3 and here[0]["loss"] > 0
    assert not ray.is_initialized() and gone()


@pytest.mark.slow
@pytest.mark.parametrize("task", OTHER_TASKS)
def test_other_tasks_are_trained_and_judged_on_ray_as_here(task, tmp_path, monkeypatch):
    """Their labels, numbers and masks reach the workers, those of the test part too where it is judged."""
    from policysearch.core.tasks import task_named
    from policysearch.policy.policy import Policy

    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    settings = settings_of_task(task, tmp_path)
    policy = Policy.preset("identity" if task == "regression" else "flip-crop")
    some = [Trial(n, policy.hash, policy.to_json(), n, 123 + n, 20, 1) for n in range(2)]

    def of_place(name, **place):
        config = resolved(config_for(tmp_path / name, **settings, device="cpu", **place))
        dataset = load(config, needs=task_named(task).needs)
        with workplace(config) as (config, pool_of), pool_of(config, dataset, test=True) as pool:
            return metrics(pool, some)

    on_ray, here = of_place("ray", pool="ray", workers=2), of_place("here", workers=0)
    assert on_ray == here and all("test_accuracy" in of_trial for of_trial in here.values()) and len(here) == 2
    assert not ray.is_initialized() and gone()


def metrics(pool, some: list[Trial]) -> dict[int, dict]:
    source = Numbers([])
    run(source, pool, unfinished=some)
    pool.close()
    timed = ("seconds", "images_per_second", "peak_memory_mb")
    return {n: {k: v for k, v in o.metrics.items() if not k.endswith(timed)} for n, o in source.told.items()}


def started_cluster() -> Cluster:
    """A cluster whose head holds no worker, and which outlives its controllers."""
    soon = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "_system_config": soon}
    return Cluster(initialize_head=True, head_node_args=head)


@pytest.fixture(scope="module")
def cluster():
    """One cluster with one node of one CPU for all tests that leave its nodes alone."""
    cluster = started_cluster()
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def changing_cluster():
    """A cluster of its own for a test in which nodes join and leave: Ray counts a node for a while after it left."""
    cluster = started_cluster()
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


class UntilBothNodesWereSeen(Numbers):
    """Trials without end until a second node has joined, worked and left; then a last few for who is still there.

    Attributes:
        pool: that evaluates them.
        nodes: ids of the nodes that trials ran on.
        joined, left: whether the second node has joined, and left.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__([])
        self.cluster = cluster
        self.pool: RayPool | None = None
        self.nodes: set[str] = set()
        self.node: object = None
        self.joined = self.left = False
        self.asked = 0
        self.last = 6

    def ask(self) -> Trial | None:
        self.last -= self.left
        if self.last < 0:
            return None
        self.asked += 1
        return trial(self.asked - 1, "echo")

    def change(self) -> None:
        self.nodes.update(outcome.metrics["node"] for outcome in self.told.values() if outcome.metrics)
        if self.nodes and not self.joined:
            self.node = self.cluster.add_node(num_cpus=2)
            self.joined = True
        elif len(self.nodes) == 2 and not self.left and self.pool.free_slots <= 1:
            # At least one of its two workers is at work.
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.left = True


@pytest.mark.slow
def test_nodes_that_join_are_used_and_nodes_that_leave_are_survived(changing_cluster):
    source = UntilBothNodesWereSeen(changing_cluster)
    with connected(changing_cluster.address, 0):
        pool = RayPool(Where(0.4), None, patience=120)
        try:
            source.pool = pool
            run(source, pool, retries=3, progress=source.change)
            left = settled(pool, 1)
        finally:
            pool.close()
    assert set(source.told) == set(range(source.asked)) and not any(o.error for o in source.told.values())
    assert source.joined and source.left and left == 1
    assert source.failed and {error for _, error in source.failed} <= set(ray_pool._DEATHS.values())


@pytest.mark.slow
def test_idle_workers_whose_node_left_are_not_counted(changing_cluster):
    node = changing_cluster.add_node(num_cpus=2)
    with connected(changing_cluster.address, 0):
        pool = RayPool(Where(0.0), None, patience=120)
        try:
            slots = [settled(pool, 3)]
            changing_cluster.remove_node(node, allow_graceful=False)
            slots.append(settled(pool, 1))
        finally:
            pool.close()
    assert slots == [3, 1]


def settled(pool: RayPool, ready: int) -> int:
    """The pool's free slots once that many workers are ready and no other is there, or after two minutes."""
    end = time.monotonic() + 120
    while [w.ready for w in pool._workers] != [True] * ready and time.monotonic() < end:
        pool.wait(0.2)
    return pool.free_slots


def test_room_that_is_not_there_is_told_after_the_wait(cluster):
    with connected(cluster.address, 0):
        started = time.monotonic()
        with pytest.raises(
            WorkersCannotStart, match="within 2 s: each asks for 64 CPUs and 0 GPUs, the cluster has 1 CPU"
        ):
            all_told(RayPool(Where(0), 2, cpus=64, patience=2), ["echo"])
        assert time.monotonic() - started >= 2


@pytest.mark.slow
def test_a_search_goes_on_with_the_workers_that_found_a_place(cluster):
    with (
        connected(cluster.address, 0),
        pytest.warns(UserWarning, match="1 of 3 workers found a place within 15 s") as warned,
    ):
        # Twenty seconds of work for the one worker: more than it waits for the others.
        source = all_told(RayPool(Where(0.5), 3, patience=15), ["echo"] * 40)
    assert len(warned) == 1 and len(source.told) == 40


def test_a_users_code_reaches_machines_that_do_not_have_it(cluster, tmp_path, monkeypatch):
    (tmp_path / "own_pack").mkdir()
    (tmp_path / "own_pack" / "__init__.py").write_text("from own_helper import NAME\n")
    (tmp_path / "own_helper.py").write_text("NAME = 'packed'\n")
    (tmp_path / "random.py").write_text("from own_helper import NAME\nFILE = NAME\n")
    (tmp_path / "unused.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    specs = ["own_pack", f"{tmp_path / 'random.py'}:FILE"]
    import_all("own_pack")
    staged = tmp_path / "staged"
    staged.mkdir()
    code = code_to_ship(specs, staged)
    assert "unused.py" not in {Path(path).name for path in code}
    with connected(cluster.address, 0, code):
        for path in ("own_pack/__init__.py", "own_helper.py", "random.py"):
            (tmp_path / path).unlink()
        source = all_told(RayPool(Own(f"own_pack,{tmp_path / 'random.py'}"), 1), ["echo"], retries=0)
    assert source.told[0].metrics == {"own_pack": "packed", "policysearch_own_random": "packed"}, source.told[0].error


class Own:
    """A setup that imports a user's modules, and children that tell what these hold."""

    def __init__(self, modules: str) -> None:
        self.modules = modules

    def __call__(self):
        import_all(self.modules)
        return lambda trial: {
            "own_pack": sys.modules["own_pack"].NAME,
            "policysearch_own_random": sys.modules["policysearch_own_random"].FILE,
        }


def test_the_device_and_the_number_of_workers_are_left_to_the_cluster(tmp_path):
    """This machine may have no GPU, and other cores."""
    config = resolved(config_for(tmp_path / "run", pool="ray", workers=None, device="cuda"))
    assert (config.device, config.workers) == ("cuda", None)


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_controller_that_is_stopped_leaves_no_actor_on_its_cluster(sent, code, cluster, tmp_path):
    out = tmp_path / "run"
    words = ("--images", "40", "--epochs", "6", "--trials", "200", "--workers", "1")
    process = subprocess.Popen(
        command("search", "--pool", "ray", "--ray-address", cluster.address, *words, "--out", str(out)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while completed(out / "study.db") < 1 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None and actors(), process.communicate()
    os.killpg(process.pid, sent)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code and b"Traceback" not in err
    assert sent == signal.SIGKILL or b"resume" in err
    [node] = cluster.worker_nodes
    assert gone() and node.any_processes_alive()


@pytest.mark.slow
def test_a_search_on_ray_ends_with_a_policy(tmp_path):
    """Ray started by the search itself, the user's file imported in its actors, nothing left behind."""
    (tmp_path / "own.py").write_text("from own_helper import *\n")
    (tmp_path / "own_helper.py").write_text("X = 1\n")
    words = ("--images", "40", "--epochs", "1", "--trials", "4", "--confirm", "1", "--workers", "2")
    done = subprocess.run(
        command("search", "--pool", "ray", *words, "--operations", "own.py", "--out", "run"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0 and "ray" not in done.stdout.lower(), (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1 and "is known to mislead" in done.stderr, done.stderr
    assert (tmp_path / "run" / "policy.json").exists() and gone()


@pytest.mark.slow
def test_a_search_outlives_a_worker_and_a_node(cluster, tmp_path):
    """Then another node joins. Every trial ends; those that were under way, as a second attempt."""
    out, doomed = tmp_path / "run", cluster.add_node(num_cpus=1)
    words = ("--images", "300", "--epochs", "40", "--trials", "12", "--confirm", "1", "--workers", "2")
    process = subprocess.Popen(
        command("search", "--pool", "ray", "--ray-address", cluster.address, *words, "--out", str(out)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    def until(finished: int) -> None:
        while completed(out / "study.db") < finished:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)

    until(2)
    actors()[0].kill()
    until(5)
    cluster.remove_node(doomed, allow_graceful=False)
    until(7)
    another = cluster.add_node(num_cpus=1)
    _, err = process.communicate(timeout=200)
    cluster.remove_node(another)
    assert process.returncode == 0 and (out / "policy.json").exists(), err
    with (out / "trials.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["phase"] == "search"]
    assert [int(row["number"]) for row in rows] == list(range(12))
    assert all(row["state"] == "complete" for row in rows)
    lost = [row["error"] for row in rows if row["attempts"] == "2"]
    assert 1 <= len(lost) <= 3 and all("worker died" in error for error in lost)  # one that was idle loses none
    assert gone()


@pytest.fixture
def somebody():
    """An address where something listens that is not Ray, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ray_address": "127.0.0.1:1"}, "nothing listens at 127.0.0.1:1"),
        ({"ray_address": "no.such.host.invalid:6379"}, "nothing listens at"),
        ({"ray_address": "somebody"}, "is not Ray"),
        ({"ray_address": "auto"}, "nothing listens|finds no Ray cluster"),
        ({"ray_address": "ray://127.0.0.1:1"}, "must be auto or HOST:PORT"),
        ({"ray_address": "127.0.0.1"}, "must be auto or HOST:PORT"),
        ({"workers": 0}, "--workers 0"),
        ({"gpus_per_worker": 1.5}, "whole number"),
        ({"device": "cuda:1"}, "the cluster picks the GPU"),
        ({"device": "cuda", "gpus_per_worker": 0.0}, "--gpus-per-worker is 0"),
        ({"pool": "rai"}, "did you mean ray"),
        ({"pool": "local", "ray_address": "auto"}, "add --pool ray"),
        ({"pool": "local", "gpus_per_worker": 0.5}, "add --pool ray"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_and_nothing_is_written(settings, told, somebody, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if settings.get("ray_address") == "somebody":
        settings = {"ray_address": somebody}
    if settings.get("ray_address") == "auto":
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match=told) as error:
        search(config_for(tmp_path / "run", **{"pool": "ray", "workers": 1, **settings}))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists() and not ray.is_initialized()


def test_ray_that_is_not_installed_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'policysearch\[ray\]'"):
        search(config_for(tmp_path / "run", pool="ray", workers=1))
    assert not (tmp_path / "run").exists()
