"""What the live page is given of a search, step by step, and of an experiment that is none."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from policysearch.core.trial import Outcome
from policysearch.experiments.observer import Observer, Work
from policysearch.experiments.progress import Status
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from policysearch.service.runner.event_log import tail
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.job_listener import JobListener
from policysearch.service.runner.stopped import Stopped
from policysearch.service.state_folder import JobFolder
from policysearch.study.config import SearchConfig
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.sources import Confirmation

ARMS = [Arm({"family": name}, preset(name)) for name in ("randaugment:1,5", "flip-crop")]


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    return folder


def store():
    made = InMemoryTrialStore(seed=0, fidelities=[(10, 1)], reward=lambda metrics: float(metrics["accuracy"]))
    made.notes, made.space = {}, load_space("default")
    return made


def events(folder, *kinds):
    return [event.fields for event in tail(folder.events)[0] if event.kind in kinds]


def live(folder):
    return json.loads(folder.live.read_text())


def train(source, *accuracies):
    for accuracy in accuracies:
        trial = source.ask()
        source.tell(trial, Outcome({"accuracy": accuracy, "curve": []}, seconds=2.0))


def test_a_search_from_its_first_pull_to_its_winner(folder):
    listener = JobListener(folder, EventLog(folder.events))
    assert isinstance(listener, Observer)
    stores = {"search": store(), "confirm": store()}
    config = SearchConfig(space="default", finalists=1, confirm=1)
    for phase, first, accuracies in (("search", 0, (0.8, 0.7)), ("confirm", 1_000_000, (0.9, 0.6))):
        source = Confirmation(stores[phase], ARMS, 1, first)
        followed = listener.watch(Work(phase, config, stores[phase], stores, 2), source)
        train(followed, *accuracies)
        listener(Status(phase, 2, 2, (ARMS[0].name, 0.8), 0))
        assert followed.ask() is None
        listener.leave(phase)
        assert live(folder)["winner"] is None and live(folder)["verdict"]["may_be_chance"]

    assert [event["name"] for event in events(folder, "pull_started")] == [arm.name for arm in ARMS] * 2
    assert [event["reward"] for event in events(folder, "pull_ended")] == [0.8, 0.7, 0.9, 0.6]
    progress = events(folder, "progress")[-1]
    assert (progress["phase"], progress["done"], progress["worker_seconds"]) == ("confirm", 2, 8.0)

    listener.close(ARMS[0])
    content = live(folder)
    assert content["digest"] == ""
    assert content["winner"] == ARMS[0].name and not content["verdict"]["may_be_chance"]
    assert content["rewards"] == [[0, 0.8, 0.8], [1, 0.7, 0.8]]
    assert [row["fixed"] for row in content["leaderboard"]] == [False, True]
    assert events(folder, "verdict")[-1]["certain"]


def test_with_the_stop_file_there_no_pull_begins(folder):
    listener = JobListener(folder, EventLog(folder.events))
    stores = {"search": store(), "confirm": store()}
    source = Confirmation(stores["search"], ARMS, 2)
    followed = listener.watch(Work("search", SearchConfig(space="default"), stores["search"], stores, 4), source)
    train(followed, 0.8)
    folder.stop.touch()
    assert followed.ask() is None and len(source) == 3
    with pytest.raises(Stopped):
        listener.leave("search")


def test_attempts_that_failed_and_trials_of_an_earlier_run_are_events_too(folder):
    listener = JobListener(folder, EventLog(folder.events))
    records = store()
    source = Confirmation(records, ARMS, 1)
    trial = source.ask()
    work = Work("evaluate", SearchConfig(space="default"), records, {"evaluate": records}, 2, records.running())
    followed = listener.watch(work, source)
    assert [event["number"] for event in events(folder, "pull_started")] == [0]
    assert followed.attempt_failed(trial, Outcome(error="out of memory")).attempt == 1
    assert events(folder, "retry") == [{"phase": "evaluate", "number": 0, "error": "out of memory", **times(folder)}]
    listener.leave("evaluate")
    assert "verdict" not in live(folder) and "leaderboard" not in live(folder)


def times(folder):
    (event,) = events(folder, "retry")
    return {"t": event["t"], "kind": "retry"}


def test_a_recording_has_nothing_to_lead_in(folder):
    listener = JobListener(folder, EventLog(folder.events))
    records = store()
    work = Work("record", SearchConfig(space="default"), records, {"search": records, "confirm": store()}, 2)
    train(listener.watch(work, Confirmation(records, ARMS, 1)), 0.8)
    listener.leave("record")
    assert "verdict" not in live(folder) and live(folder)["rewards"] == [[0, 0.8, 0.8]]


def test_notes_name_no_path_and_nothing_to_type(folder):
    listener = JobListener(folder, EventLog(folder.events))
    listener(Status("prepare", 0, 0, None, 0, f"20 arms, into {folder.run}"))
    listener(Status("prepare", 0, 0, None, 0, f"`policysearch show {folder.run}` shows it"))
    assert [event["note"] for event in events(folder, "phase")] == ["20 arms, into the job's folder"]


def test_a_swallowed_interrupt_is_raised_at_the_next_status(folder):
    def check():
        raise KeyboardInterrupt

    listener = JobListener(folder, EventLog(folder.events), check)
    with pytest.raises(KeyboardInterrupt):
        listener(Status("search", 0, 1, None, 0))


def test_a_listener_that_is_a_function_is_no_observer():
    assert not isinstance(lambda status: None, Observer)
    assert not isinstance(SimpleNamespace(watch=1), Observer)
