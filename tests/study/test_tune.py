"""The guide's own snippets for Optuna and Ray Tune, run as they stand there, and what Tune makes of a RuleSampler."""

from __future__ import annotations

import math
from collections import Counter

import optuna
import pytest
from optuna.distributions import IntDistribution

from policysearch import RuleSampler
from tests.support.markdown import python_pages

SNIPPETS = python_pages()["own-study"]


def test_the_snippet_for_optuna():
    names: dict[str, object] = {"__name__": "__main__"}
    exec(SNIPPETS[0], names)
    study = names["study"]
    assert isinstance(study, optuna.Study)
    assert study.best_params == {"width": 64, "rate": 0.4}
    assert len({tuple(trial.params.values()) for trial in study.trials[:12]}) >= 11  # one more before the grid is known


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    """Ray Tune on a Ray of its own with 2 CPUs, its files in a folder of these tests."""
    ray = pytest.importorskip("ray")
    tune = pytest.importorskip("ray.tune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ray.train.constants.DEFAULT_STORAGE_PATH", str(tmp_path_factory.mktemp("tune")))
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
        yield tune
        ray.shutdown()


pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


@pytest.mark.slow
def test_the_snippet_for_tune(tune):
    names: dict[str, object] = {"__name__": "__main__"}
    exec(SNIPPETS[1], names)
    results = names["results"]
    assert not results.errors
    widths = Counter(result.config["width"] for result in results)
    assert sum(widths.values()) == 12
    assert widths.most_common(1)[0][0] == 64


@pytest.mark.slow
@pytest.mark.parametrize("first", [{"accuracy": math.nan}, None])
def test_a_metric_that_is_nan_once_does_not_cost_the_best_arm_its_pulls(first):
    """Tune leaves such a trial running for ever, and closes one whose trainable failed."""
    search_module = pytest.importorskip("ray.tune.search.optuna")
    space = {"x": IntDistribution(0, 10)}
    sampler = RuleSampler("ucb", seed=0)
    search = search_module.OptunaSearch(space=space, sampler=sampler, metric="accuracy", mode="max")
    pulls = Counter()
    for number in range(120):
        x = search.suggest(str(number))["x"]
        pulls[x] += 1
        spoilt = x == 4 and pulls[x] == 1
        result = first if spoilt else {"accuracy": 0.8 if x == 4 else 0.3 + x / 50}
        search.on_trial_complete(str(number), result, error=result is None)
    assert pulls[4] >= 60


@pytest.mark.slow
def test_seeds_reproduce_one_after_another(tune):
    from ray.tune.search.optuna import OptunaSearch

    def trainable(config):
        tune.report({"loss": {"p": 0.3, "q": 0.1, "r": 0.2}[config["x"]] + 0.01 * config["y"]})

    def pulled() -> list[tuple]:
        search = OptunaSearch(sampler=RuleSampler("greedy", seed=3), metric="loss", mode="min")
        settings = tune.TuneConfig(search_alg=search, num_samples=8, max_concurrent_trials=1, reuse_actors=True)
        space = {"x": tune.choice(["p", "q", "r"]), "y": tune.randint(0, 2)}
        results = tune.Tuner(trainable, param_space=space, tune_config=settings).fit()
        assert not results.errors
        assert results.get_best_result(metric="loss", mode="min").config == {"x": "q", "y": 0}
        return [(result.config["x"], result.config["y"]) for result in results]

    first = pulled()
    assert len(first) == 8
    assert pulled() == first
