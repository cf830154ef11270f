"""What a search says before its first training, and on resume: what it will do, and how long that takes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from policysearch.core.trial import Outcome
from policysearch.experiments.forecast import Forecast, timed
from policysearch.experiments.progress import Status
from policysearch.experiments.search.announcement import expectation, of_record
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig, load_config, make_config, save_config
from policysearch.study.in_memory_store import InMemoryTrialStore
from tests.support.quick import config_for


def data(side: int) -> SimpleNamespace:
    return SimpleNamespace(shape=(3, side, side))


def test_the_forecast_of_the_issue():
    """70 s a training of 40,000 images, 72 trainings on 2 workers: 42 min; 128 pixels are 16 times 32."""
    forecast = Forecast(per_image=60 / 40_000, fixed=10.0, workers=2)
    sentence = expectation(SearchConfig(), data(128), forecast, (40, 32))
    assert sentence == (
        "a training takes about 70 s here, all of them about 42 min; --resize 32 is about 16 times faster"
    )


@pytest.mark.parametrize(("side", "trainings"), [(32, (40, 32)), (40, (40, 32)), (128, (4, 0))])
def test_smaller_images_are_suggested_only_where_they_help(side, trainings):
    forecast = Forecast(per_image=0.0, fixed=70.0, workers=2)
    assert "--resize" not in expectation(SearchConfig(), data(side), forecast, trainings)


def test_a_confirmation_of_its_own_length_costs_its_own_time():
    forecast = Forecast(per_image=0.001, fixed=0.0, workers=1)
    sentence = expectation(make_config({"confirm_epochs": 160}), data(32), forecast, (1, 1))
    assert sentence == "a training takes about 40 s here, all of them about 2 min"


@pytest.mark.parametrize(
    ("trainings", "advice"),
    [
        ((20, 0), ""),
        ((13, 4), ", and there are about 8: leave it out"),
        ((0, 2), ", and there are about 1: leave it out"),
    ],
)
def test_compilation_is_said_to_pay_from_ten_trainings_of_a_worker_on(trainings, advice):
    forecast = Forecast(per_image=0.0, fixed=70.0, workers=2)
    config = make_config({"recipe": {"compile": True}})
    sentence = expectation(config, data(32), forecast, trainings)
    assert sentence.endswith(f"; --compile pays from about 10 trainings per worker on{advice}")
    assert "--compile" not in expectation(SearchConfig(), data(32), forecast, trainings)


class Pool:
    """Two idle workers; every training takes 8 s, 2 s of them for one evaluation per epoch."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.trials: list = []
        self.free_slots = 2

    def submit(self, trial) -> None:
        self.trials.append(trial)

    def wait(self, timeout: float) -> list:
        outcome = Outcome({"evaluation_seconds": 2.0}, error=self.error, seconds=8.0)
        trials, self.trials = self.trials, []
        return [(trial, outcome) for trial in trials]


def test_a_forecast_takes_the_evaluations_apart():
    """6 s for 2 × 100 images; 2 s for 2 evaluations, of which a long training has `checkpoints`."""
    forecast = timed(SearchConfig(), Pool(), Fidelity(100, 2))
    checkpoints = SearchConfig().recipe.checkpoints
    assert forecast == Forecast(6 / 200, checkpoints * 2 / min(checkpoints, 2), 2)
    assert forecast.wall(forecast.seconds(Fidelity(100, 20))) == (60 + checkpoints * 2 / min(checkpoints, 2)) / 2


@pytest.mark.parametrize(("compiled", "epochs"), [(False, [2, 2]), (True, [1, 1, 2, 2])])
def test_the_training_that_compiles_is_not_timed(compiled, epochs):
    pool = Pool()
    submitted = []
    pool.submit = lambda trial: (submitted.append(trial.epochs), pool.trials.append(trial))
    timed(make_config({"recipe": {"compile": compiled}}), pool, Fidelity(100, 2))
    assert submitted == epochs


def notes_of(run) -> list[str]:
    statuses: list[Status] = []
    run(statuses.append)
    first = next(i for i, status in enumerate(statuses) if status.phase == "search" or i == len(statuses) - 1)
    assert not any(status.note for status in statuses[first + 1 :])
    return [status.note for status in statuses if status.note]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_says_what_it_is_doing_before_its_first_pull(quick, tmp_path):
    folder = tmp_path / "run"
    config = config_for(folder, epochs=16, trials=3, confirm=1, finalists=1)
    notes = notes_of(lambda listener: search(config, listener))
    assert notes[0] == "training in this process, on cpu"
    assert notes[1] == f"20 arms, 3 + 5 trainings (search + confirmation), into {folder}"
    assert notes[2] == "timing a short training"
    assert notes[3].startswith("a training takes about ") and "--resize" not in notes[3]
    assert notes[4] == f"`policysearch show {folder}` shows it meanwhile, from another terminal"

    notes = notes_of(lambda listener: resume(folder, trials=4, listener=listener))
    assert "3 of 4 pulls of the search are there" in notes[1] and "timing a short training" not in notes


def test_short_pulls_are_not_timed(quick, tmp_path):
    notes = notes_of(lambda listener: search(config_for(tmp_path / "run", trials=2, confirm=0), listener))
    assert len(notes) == 3 and not any("takes about" in note for note in notes)


def test_show_says_which_part_of_a_search_is_missing(quick, tmp_path, monkeypatch, capsys):
    from policysearch.cli.show import show_result
    from policysearch.experiments.search.result import read

    folder = tmp_path / "run"
    search(config_for(folder, trials=2, confirm=1))
    config = load_config(folder / "config.toml")
    save_config(config.model_copy(update={"confirm": 2}), folder / "config.toml")
    show_result(read(folder))
    out = " ".join(capsys.readouterr().out.split())
    assert "Not finished: the search is complete (2 of 2), its confirmation is not (" in out


def test_recorded_pulls_of_any_size_say_what_the_largest_will_take():
    store = InMemoryTrialStore(seed=0, fidelities=[(50, 10), (200, 10)], reward=lambda metrics: 0.5)
    for number, (fidelity, seconds) in enumerate([(0, 5.0), (1, 20.0)]):
        trial = store.add(Arm({"family": "identity"}, preset("identity")), number, fidelity)
        store.tell(trial, Outcome({"accuracy": 0.5}, seconds=seconds))
    forecast = of_record(store, SimpleNamespace(free_slots=2))
    assert forecast.seconds(Fidelity(200, 10)) == pytest.approx(20.0) and forecast.workers == 2
    config = make_config({"images": 200, "epochs": 10})
    said = expectation(config, data(32), forecast, (4, 0), at_most=True)
    assert said.startswith("a training takes at most about 20 s here, all of them at most about 40 s")
