"""Real processes and small real searches: what is killed, stopped and cancelled ends as an undisturbed search."""

from __future__ import annotations

import json
import os
import signal

import pytest

from policysearch.datasets.load import load
from policysearch.service.job import Intent
from policysearch.service.runner.event_log import tail
from tests.support.real_service import RealService, scheduler_process, search_by_command_line, trials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed")
    return search_by_command_line(path, path / "run")


@pytest.fixture
def service(tmp_path):
    service = RealService(tmp_path, grace=5.0)
    yield service
    service.close()


def must_equal(service, job, undisturbed):
    run = service.files(job).run
    assert trials(run / "trials.csv") == trials(undisturbed / "trials.csv")
    assert (run / "policy.json").exists() and (run / "report.html").exists()
    assert service.group(job) == []


def test_a_search_of_the_service_is_that_of_the_command_line(service, undisturbed):
    job = service.search()
    service.until_state(job, "done")
    must_equal(service, job, undisturbed)

    events, _ = tail(service.files(job).events)
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["attempt", "phase"] and kinds[-1] == "end"
    assert events[1].fields["phase"] == "checking"
    assert kinds.count("pull_started") == kinds.count("pull_ended") == len(trials(undisturbed / "trials.csv"))
    ended = [event.fields for event in events if event.kind == "pull_ended" and event.fields["phase"] == "search"]
    rewards = [row["reward"] for row in trials(undisturbed / "trials.csv") if row["phase"] == "search"]
    assert [str(fields["reward"]) for fields in ended] == rewards
    assert str(service.path) not in service.events(job)

    live = json.loads(service.files(job).live.read_text())
    assert live["winner"] and not live["verdict"]["may_be_chance"]
    assert live["digest"] == load("fashion-small").digest
    assert [reward for _, reward, _ in live["rewards"]] == [fields["reward"] for fields in ended]
    assert service.files(job).best_picture.read_bytes().startswith(b"\x89PNG")
    assert json.loads(service.files(job).exit.read_text())["sentence"] == service.jobs.get(job).reason


def test_cancelled_while_it_searches_and_resumed(service, undisturbed):
    job = service.search()
    service.until_pulls(job, 2)
    # The live file follows the events at a pace of its own.
    live = service.until(lambda: (seen := json.loads(service.files(job).live.read_text()))["verdict"] and seen)
    assert live["winner"] is None and live["verdict"]["may_be_chance"]

    service.jobs.want(job, Intent.CANCEL)
    service.until_state(job, "cancelled")
    assert service.group(job) == []
    assert (service.files(job).run / "trials.csv").exists()
    service.jobs.want(job, Intent.RUN)
    service.until_state(job, "done")
    must_equal(service, job, undisturbed)


def test_stopped_and_gone_further(service, tmp_path):
    job = service.search(trials=4)
    service.until_pulls(job, 1)
    service.jobs.want(job, Intent.STOP)
    service.until_state(job, "stopped")
    begun, ended = (service.events(job).count(f'"{kind}"') for kind in ("pull_started", "pull_ended"))
    assert begun == ended < 4
    service.jobs.want(job, Intent.RUN, trials=8)
    service.until_state(job, "done")
    longer = search_by_command_line(tmp_path, tmp_path / "longer")
    assert trials(service.files(job).run / "trials.csv") == trials(longer / "trials.csv")


def test_a_killed_runner_is_queued_again(service, undisturbed):
    job = service.search()
    service.until_pulls(job, 3)
    os.kill(service.runner(job).pid, signal.SIGKILL)
    service.until(lambda: "interrupted" in service.states(job))
    service.until_state(job, "done")
    assert service.jobs.get(job).attempt == 2
    must_equal(service, job, undisturbed)


def test_a_killed_scheduler_is_followed_by_one_that_adopts(service, undisturbed, tmp_path):
    job = service.search()
    with scheduler_process(tmp_path) as process:
        service.scheduler = StandsStill()
        service.until_pulls(job, 1)
        process.kill()
        process.wait()
    runner = service.runner(job)
    service.until_pulls(job, 3)
    with scheduler_process(tmp_path):
        service.until_state(job, "done")
    assert service.runner(job) == runner
    assert service.states(job) == ["checking", "queued", "starting", "running", "done"]
    must_equal(service, job, undisturbed)


class StandsStill:
    """In the place of the scheduler of this process while another has its jobs."""

    def step(self) -> None:
        pass

    end_jobs = close = step


DEAF = """
import signal
import time
from pathlib import Path

def choose(history, rng):
    Path(__file__).with_suffix(".txt").touch()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        time.sleep(0.1)
"""


def test_a_runner_that_hears_nothing_is_killed_after_the_grace(service):
    (service.path / "deaf.py").write_text(DEAF)
    job = service.search(strategy=f"{service.path / 'deaf.py'}:choose")
    service.until((service.path / "deaf.txt").exists)
    service.jobs.want(job, Intent.CANCEL)
    service.until_state(job, "cancelled")
    assert "its process was killed" in service.jobs.get(job).reason
    assert service.group(job) == []


def test_an_evaluation_and_a_calibration(service):
    policy = {"policy": "flip-crop", "evaluation": {"against": "identity", "seeds": 2}, "images": 40, "epochs": 1}
    request = {"data": "fashion-small", "model": f"{service.path / 'networks.py'}:tiny"}
    evaluation = service.job("evaluate", {**request, **policy})
    service.until_state(evaluation, "done", "failed")
    assert service.jobs.get(evaluation).state == "done", service.jobs.get(evaluation).reason
    assert (service.files(evaluation).run / "evaluation.html").exists()

    plan = {"arms": 4, "seeds": 2, "long_seeds": 2, "ladder": "40x1", "long": "80x2"}
    calibration = service.job("calibrate", {**request, "calibration": plan})
    service.until_pulls(calibration, 2)
    service.jobs.want(calibration, Intent.STOP)
    service.until_state(calibration, "stopped", "failed")
    assert service.jobs.get(calibration).state == "stopped", service.jobs.get(calibration).reason
    service.jobs.want(calibration, Intent.RUN)
    service.until_state(calibration, "done", "failed")
    assert service.jobs.get(calibration).state == "done", service.jobs.get(calibration).reason
