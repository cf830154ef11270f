"""The life of jobs under a scheduler whose processes and clock are made up."""

from __future__ import annotations

import errno
import json
import signal

import pytest

from policysearch.core.errors import UserError
from policysearch.service.database.connection import DatabaseAway
from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.job import Intent, WrongState
from policysearch.service.limits import Limits
from policysearch.service.scheduler.decisions import LAUNCH_SECONDS, LOCK_SECONDS
from policysearch.service.scheduler.places import Place
from tests.support.services import Service


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    assert service.world.faults == []
    service.close()


def test_from_the_check_to_the_end(service):
    job = service.add()
    service.step()
    assert service.world.starts == [(job, "check")]
    service.end(job, "done", forecast={"worker_seconds": 12.0})
    service.step()
    assert service.job(job).progress == {"forecast": {"worker_seconds": 12.0}}
    assert json.loads(service.files(job).job.read_text()) == {
        "kind": "search",
        "attempt": "1",
        "settings": {"training": {"trials": 4, "pool": "local", "device": "cpu"}},
        "changes": {"workers": 1},
        "log_bytes": 50_000_000,
    }
    service.begin(job)
    service.event(job, "progress", phase="search", done=3)
    service.step()
    service.end(job, "done", sentence="a wins")
    service.step()
    assert service.states(job) == ["checking", "queued", "starting", "running", "done"]
    assert (service.job(job).reason, service.job(job).progress["done"]) == ("a wins", 3)
    assert service.job(job).progress["forecast"] == {"worker_seconds": 12.0}


def test_a_refusal_says_which_setting(service):
    job = service.add()
    service.step()
    service.end(job, "failed", sentence="--images must be less", field="images")
    service.step()
    row = service.job(job)
    assert (row.state, row.reason, row.field) == ("refused", "--images must be less", "images")


def test_more_workers_than_any_place_has_are_refused(service):
    job = service.add(workers=4)
    service.step()
    assert service.job(job).reason == "workers must be at most 3 here, got 4"
    assert service.world.starts == []


def test_a_place_that_is_not_there_or_is_too_small_is_refused(tmp_path):
    service = Service(tmp_path, [Place("local-cpu", 3), Place("gpu:0", 2, jobs=1, gpu="0")])
    small, missing = service.add(workers=3, place="gpu:0"), service.add(place="gpu:7")
    service.step()
    assert service.job(small).reason == "workers must be at most 2 at gpu:0, got 3"
    assert service.job(missing).reason == "there is no place 'gpu:7'; there are local-cpu, gpu:0"
    service.close()


def test_data_that_are_gone_are_a_refusal(service):
    def gone(*_):
        raise UserError("data set x is not there any more")

    service.settings = gone
    job, later = service.add(), service.queued()
    service.step()
    assert (service.state(job), service.state(later)) == ("refused", "failed")


def test_a_check_that_dies_is_made_again_and_then_given_up(service):
    job = service.add()
    for _ in range(3):
        service.step()
        service.kill(job)
    service.step()
    assert [attempt for _, attempt in service.world.starts] == ["check"] * 3
    assert service.job(job).reason == "the process that checks it ended 3 times without an answer"


def test_a_check_that_takes_too_long_is_killed(service):
    job = service.add()
    service.step()
    service.begin(job)
    service.step()
    service.clock.wait(901)
    service.step()
    service.step()
    assert service.job(job).reason == "its check took longer than 900 s"
    assert signal.SIGKILL in service.runner(job).signals


def test_the_shared_workers_are_never_more_than_there_are(service):
    jobs = [service.queued(workers=2), service.queued("ben"), service.queued("carl"), service.queued("dora")]
    service.step()
    assert [service.state(job) for job in jobs] == ["starting", "starting", "queued", "queued"]
    assert service.world.workers() == 3
    sentence = "waits for 1 of the 3 workers of local-cpu, of which 0 are free; 1 job before it"
    assert service.scheduler.waiting()[jobs[3]] == (2, sentence)
    (use,) = service.scheduler.usage()
    assert (use.used, [owner for _, owner, _ in use.jobs]) == (3, ["anna", "ben"])


def test_who_has_used_less_comes_first(service):
    first = service.running("anna", workers=3)
    waiting = [service.queued("anna", workers=3), service.queued("ben", workers=3)]
    service.step(100)
    service.end(first)
    service.step()
    assert [service.state(job) for job in waiting] == ["queued", "starting"]


def test_workers_are_given_out_again_only_when_all_processes_are_gone(service):
    job, other = service.running(workers=3), service.queued("ben", workers=3)
    service.kill(job, children=2)
    service.scheduler.step()
    assert service.state(other) == "queued"
    assert service.runner(job).signals == [signal.SIGKILL]
    service.step()
    assert service.state(other) == "starting"


def test_a_record_is_booked_only_when_all_processes_are_gone(service):
    job = service.running()
    service.end(job)
    service.runner(job).alive = True
    service.step(6)
    assert service.state(job) == "running"
    assert service.runner(job).signals == []
    service.step(2)
    assert service.runner(job).signals == [signal.SIGKILL]
    assert service.state(job) == "done"


# -- stop, cancel, resume


def test_stop_lets_the_pulls_in_flight_end(service):
    job = service.running()
    service.jobs.want(job, Intent.STOP)
    service.step(100)
    assert service.state(job) == "stopping"
    assert service.files(job).stop.exists()
    assert service.runner(job).signals == []
    service.end(job, "stopped")
    service.step()
    assert service.state(job) == "stopped"

    service.jobs.want(job, Intent.RUN, trials=9)
    service.step()
    assert not service.files(job).stop.exists()
    assert json.loads(service.files(job).job.read_text())["changes"] == {"trials": 9, "workers": 1}


def test_cancel_interrupts_and_then_kills(service):
    job = service.running()
    service.runner(job).deaf = True
    service.jobs.want(job, Intent.CANCEL)
    service.step(2)
    assert service.state(job) == "cancelling"
    assert service.runner(job).signals == [signal.SIGINT]
    service.step(19)
    assert service.runner(job).signals == [signal.SIGINT]
    service.step(4)
    assert service.runner(job).signals == [signal.SIGINT, signal.SIGKILL]
    assert service.state(job) == "cancelled"


def test_cancel_of_one_that_listens(service):
    job = service.running()
    service.jobs.want(job, Intent.CANCEL)
    service.jobs.want(job, Intent.CANCEL)
    service.step(3)
    assert service.states(job)[-2:] == ["cancelling", "cancelled"]
    with pytest.raises(WrongState, match="the job is cancelled"):
        service.jobs.want(job, Intent.CANCEL)


def test_cancel_while_stopping(service):
    job = service.running()
    service.jobs.want(job, Intent.STOP)
    service.step()
    service.jobs.want(job, Intent.CANCEL)
    service.step(3)
    assert service.states(job)[-3:] == ["stopping", "cancelling", "cancelled"]


def test_a_cancel_that_comes_too_late_changes_nothing(service):
    job = service.running()
    service.end(job)
    service.jobs.want(job, Intent.CANCEL)
    service.step()
    assert service.state(job) == "done"


@pytest.mark.parametrize(("intent", "state"), [(Intent.STOP, "stopped"), (Intent.CANCEL, "cancelled")])
def test_a_job_that_waits_rests_at_once(service, intent, state):
    job = service.queued()
    service.jobs.want(job, intent)
    service.step()
    assert service.state(job) == state
    assert service.world.starts == []


def test_cancel_of_a_check(service):
    job = service.add()
    service.step()
    service.jobs.want(job, Intent.CANCEL)
    service.step(2)
    assert service.state(job) == "cancelled"


def test_cancel_before_the_process_has_begun(service):
    job = service.queued()
    service.step()
    service.jobs.want(job, Intent.CANCEL)
    service.step(2)
    assert service.state(job) == "cancelled"
    assert not service.runner(job).alive


def test_done_goes_further_only_with_more_to_do(service):
    job = service.running()
    service.end(job)
    service.step()
    with pytest.raises(WrongState, match="give more trials or more confirm"):
        service.jobs.want(job, Intent.RUN)
    assert service.jobs.want(job, Intent.RUN, trials=8).state == "queued"


def test_end_jobs_interrupts_all_and_they_go_on_after_the_next_start(service):
    job = service.running()
    service.scheduler.end_jobs()
    assert not service.runner(job).alive
    service.restart()
    service.step()
    assert service.states(job)[-2:] == ["interrupted", "queued"]


# -- restarts


def test_a_server_that_starts_again_adopts_what_runs(service):
    job = service.running()
    service.restart()
    service.step(100)
    assert service.states(job) == ["checking", "queued", "starting", "running"]
    service.end(job)
    service.step()
    assert service.state(job) == "done"


def test_killed_between_the_commit_and_the_process(service):
    job = service.queued()
    service.world.start_error = OSError(errno.EAGAIN, "x")
    service.scheduler._starts._means.attempts.end = lambda *_, **__: None  # it is killed before it books anything
    service.step()
    assert service.state(job) == "starting"
    service.world.start_error = None
    service.restart()
    service.step(int(LOCK_SECONDS))
    assert service.state(job) == "starting"
    service.step(20)
    assert service.states(job) == ["checking", "queued", "starting", "queued", "starting"]
    assert service.job(job).attempt == 2


def test_killed_between_the_process_and_its_lock(service):
    job = service.queued()
    service.step()
    service.restart()
    service.step(5)
    service.begin(job)
    service.step(2)
    assert service.state(job) == "running"
    assert service.job(job).attempt == 1


def test_killed_between_the_record_and_its_booking(service):
    job = service.running()
    service.end(job)
    service.restart()
    service.step()
    assert service.state(job) == "done"


def test_killed_between_the_interrupt_and_its_booking(service):
    job = service.running()
    service.jobs.want(job, Intent.CANCEL)
    service.scheduler.step()
    service.restart()
    service.step(3)
    assert service.state(job) == "cancelled"


def test_a_record_of_an_earlier_attempt_is_none(service):
    job = service.running()
    service.end(job, "stopped")
    service.step()
    service.jobs.want(job, Intent.RUN)
    service.step()
    service.begin(job)
    service.step(10)
    assert service.state(job) == "running"


def test_a_runner_that_comes_too_late_is_ended_before_the_next_begins(service):
    job = service.queued()
    service.step()
    service.restart()
    service.step(int(LOCK_SECONDS) + 2)  # given up: queued again
    assert service.state(job) == "queued"
    service.begin(job)
    service.clock.wait(60)
    service.step(2)
    assert service.runner(job).attempt == "2"


def test_a_clock_that_is_set_back_changes_no_state(service):
    job, other = service.running(), service.queued("ben", workers=3)
    service.clock.now -= 3600
    service.step(50)
    assert (service.state(job), service.state(other)) == ("running", "queued")


# -- interruptions


def test_a_killed_job_is_queued_again_three_times_without_a_new_pull(service):
    job = service.running()
    for attempt in (1, 2, 3):
        service.kill(job)
        service.step()
        assert service.states(job)[-2:] == ["interrupted", "queued"]
        service.step(20)
        service.begin(job)
        service.step()
        assert service.job(job).attempt == attempt + 1
    service.kill(job)
    service.step(100)
    assert service.state(job) == "interrupted"
    assert "queued again 3 times without a new pull, and rests now" in service.job(job).reason
    assert "SIGKILL" in service.job(job).reason
    assert service.jobs.want(job, Intent.RUN).idle_attempts == 0


def test_a_new_pull_counts(service):
    job = service.running()
    for _ in range(6):
        service.pull(job)
        service.kill(job)
        service.step(2)
        service.begin(job)
        service.step()
    assert service.state(job) == "running"


def test_a_job_that_was_to_stop_is_not_queued_again(service):
    job = service.running()
    service.jobs.want(job, Intent.STOP)
    service.step()
    service.kill(job)
    service.step(30)
    assert service.state(job) == "interrupted"
    assert "since it was to stop" in service.job(job).reason


def test_a_killed_job_that_was_to_be_cancelled_is_cancelled(service):
    job = service.running()
    service.jobs.want(job, Intent.CANCEL)
    service.kill(job)
    service.step()
    assert service.state(job) == "cancelled"


def test_a_failure_is_no_interruption(service):
    job = service.running()
    service.end(job, "failed", code="SearchFailed", sentence="every arm failed", field="model")
    service.step()
    row = service.job(job)
    assert (row.state, row.reason, row.field) == ("failed", "every arm failed", "model")


# -- places


def test_a_place_whose_last_starts_failed_is_closed_until_it_is_opened(service):
    jobs = [service.queued(owner, workers=3) for owner in ("anna", "ben", "carl", "dora")]
    for job in jobs[:3]:
        service.step()
        service.begin(job)
        service.step()
        service.end(job, "failed", sentence="no worker found a place", place_at_fault=True)
        service.step()
    service.restart()
    service.step(3)
    assert service.state(jobs[3]) == "queued"
    reason = "its last 3 starts failed, the last one because no worker found a place"
    assert service.scheduler.usage()[0].closed == reason
    assert service.scheduler.waiting()[jobs[3]][1] == f"place local-cpu is closed: {reason}"
    service.scheduler.open_place("local-cpu")
    service.step()
    assert service.state(jobs[3]) == "starting"
    with pytest.raises(UserError, match="there is no place 'moon'; there are local-cpu"):
        service.scheduler.open_place("moon")


def test_jobs_that_fail_by_their_own_fault_close_no_place(service):
    for _ in range(4):
        job = service.running()
        service.end(job, "failed", sentence="every arm failed")
        service.step()
    service.running()


def test_starts_that_come_to_nothing_close_the_place_and_keep_the_job(service):
    job = service.queued()
    for _ in range(3):
        service.step()
        service.kill(job, code=1)
        service.step()
        service.clock.wait(20)
    service.step(2)
    assert service.state(job) == "queued"
    assert service.scheduler.usage()[0].closed


def test_a_process_that_never_takes_its_lock_is_killed(service):
    job = service.queued()
    service.step()
    service.step(int(LAUNCH_SECONDS) + 3)
    assert signal.SIGKILL in service.runner(job).signals


def test_a_gpu_has_its_own_environment_and_device(tmp_path):
    service = Service(tmp_path, [Place("gpu:GPU-1", 2, jobs=1, gpu="GPU-1")])
    job = service.queued(workers=2)
    service.step()
    assert service.world.environments[job]["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert json.loads(service.files(job).job.read_text())["settings"]["training"]["device"] == "cuda"
    service.close()


def test_a_place_that_is_gone_after_a_restart_keeps_its_job(service):
    job = service.running()
    service.places = [Place("gpu:0", 1, jobs=1, gpu="0")]
    service.restart()
    service.step(3)
    assert service.state(job) == "running"
    assert service.scheduler.usage()[0].used == 0


# -- limits


def test_a_job_that_works_for_too_long_is_stopped(tmp_path):
    service = Service(tmp_path, limits=Limits(job_seconds=3600.0))
    job = service.running()
    service.clock.wait(3601)
    service.step()
    assert service.state(job) == "stopping"
    assert service.job(job).reason == "it has worked for 1 h, which is the operator's limit"
    assert service.files(job).stop.exists()
    service.close()


def test_a_job_that_is_silent_is_named(service):
    job = service.running()
    service.clock.wait(3600 + 301)
    service.step()
    assert service.scheduler.note(job).startswith("has been silent for 6")
    service.pull(job)
    service.step()
    assert service.scheduler.note(job) == ""


# -- deletion


def test_a_job_is_deleted_with_all_that_it_has(service):
    job, other = service.running(), service.running("ben")
    with pytest.raises(WrongState, match="cancel it first"):
        service.jobs.want(job, Intent.DELETE)
    service.end(job)
    service.step()
    service.jobs.want(job, Intent.DELETE)
    service.step()
    with pytest.raises(NoSuchJob):
        service.job(job)
    assert service.jobs.history(job) == []
    assert [path.name for path in service.folder.runs.iterdir()] == [other]
    assert list(service.folder.trash.iterdir()) == []
    assert service.scheduler._means.attempts.spent()["anna"] > 0


@pytest.mark.parametrize("broken_at", ["enter", "rename", "remove"])
def test_a_deletion_is_done_again_from_the_start(service, broken_at, monkeypatch):
    job = service.running()
    service.end(job)
    service.step()
    service.jobs.want(job, Intent.DELETE)
    if broken_at == "rename":
        monkeypatch.setattr("pathlib.Path.rename", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "bad disk")))
    elif broken_at == "remove":
        monkeypatch.setattr(service.jobs, "remove", lambda _: (_ for _ in ()).throw(DatabaseAway("away")))
    else:
        service.jobs.enter(job, "deleting")
    service.step()
    monkeypatch.undo()
    service.restart()
    service.step()
    with pytest.raises(NoSuchJob):
        service.job(job)
    assert not any(service.folder.runs.iterdir()) and not any(service.folder.trash.iterdir())


# -- what is away


def test_a_full_disk_keeps_a_job_waiting_with_the_reason(service, monkeypatch):
    job = service.queued()

    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("policysearch.service.scheduler.means.write_whole", full)
    service.step(5)
    assert service.states(job) == ["checking", "queued"]
    assert "No space left on device" in service.scheduler.note(job)
    monkeypatch.undo()
    service.step()
    assert service.state(job) == "starting"
    assert service.scheduler.note(job) == ""


def test_a_database_that_is_away_stops_a_step_and_loses_nothing(service, monkeypatch):
    job = service.running()
    service.end(job)

    def away(*_, **__):
        raise DatabaseAway("the service's database does not answer: x")

    monkeypatch.setattr(type(service.jobs), "in_states", away)
    service.step(3)
    assert service.scheduler.trouble == "the service's database does not answer: x"
    monkeypatch.undo()
    service.step()
    assert service.scheduler.trouble == ""
    assert service.state(job) == "done"


def test_a_process_that_cannot_be_started_is_tried_again(service):
    job = service.queued()
    service.world.start_error = OSError(errno.ENOMEM, "Cannot allocate memory")
    service.step()
    assert service.states(job)[-2:] == ["starting", "queued"]
    assert service.job(job).reason == "its process could not be started: Cannot allocate memory"
    service.world.start_error = None
    service.step(20)
    assert service.state(job) == "starting"
