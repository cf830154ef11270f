"""What grows with a study and what does not: large spaces, long studies, many arms, many workers.

Run: python results/benchmarks/scale.py [--out FILE]. One core, processor time, the smallest of several rounds; two
minutes on an idle machine. No child is trained.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import create_trial
from record import SPACE, fill, new_study
from replay import replay
from targets import Target, section

from policysearch import RuleSampler
from policysearch.core.seeds import rule_generator
from policysearch.policy.space_files import parse_space
from policysearch.policy.spaces import Space
from policysearch.rules import Pull, Tally
from policysearch.rules.registry import parse_rule
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.storage import open_storage
from policysearch.study.strategies import make_strategy

optuna.logging.set_verbosity(optuna.logging.ERROR)
ASKS = 15
DISTRIBUTIONS = {"width": CategoricalDistribution(list(range(16))), "rate": FloatDistribution(0.0, 0.9, step=0.1)}


def least(work: Callable[[], object], rounds: int) -> float:
    """Processor seconds of the fastest round."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def grid_space(degrees: int, probabilities: int, max_arms: int) -> Space:
    """A space of one rotation with so many magnitudes and probabilities."""
    magnitudes = [round(30 * i / degrees, 4) for i in range(degrees)]
    chances = [round((i + 1) / probabilities, 4) for i in range(probabilities)]
    step = '{ operation = "rotate", probability = "$p", magnitude = "$degrees" }'
    text = (
        f'schema = 1\nmax_arms = {max_arms}\n[[family]]\nname = "turn"\n'
        f"parameters = {{ degrees = {magnitudes}, p = {chances} }}\n"
        f"[family.policy]\nsub_policies = [{{ steps = [{step}] }}]\n"
    )
    return parse_space("turns", text, "space")


def spaces() -> Iterator[Target]:
    took = least(lambda: grid_space(51, 40, 3000).arms(0), rounds=2)
    yield Target.at_most("A space of 2,044 assignments with `max_arms = 3000`: read, and all its arms", took, 1, "s")


def asks() -> Iterator[Target]:
    for size in (1000, 5000, 20_000):
        own = least_ask(size, RandomSampler(seed=0))
        took = least_ask(size, RuleSampler("ucb", seed=0))
        what = f"`RuleSampler` in a study of {size:,}: an ask beyond a random one's"
        yield Target.at_most(what, 1000 * (took - own), 3, "ms")


def least_ask(size: int, sampler: BaseSampler) -> float:
    """Processor seconds of an ask with two parameters in a study of so many trials; the first ask is left out."""
    rng = np.random.default_rng(0)
    study = optuna.create_study(direction="maximize")
    for _ in range(size):
        params = {"width": int(rng.integers(16)), "rate": round(0.1 * int(rng.integers(10)), 1)}
        study.add_trial(create_trial(value=rng.normal(), params=params, distributions=DISTRIBUTIONS))
    study.sampler = sampler

    def ask() -> None:
        trial = study.ask()
        trial.suggest_categorical("width", list(range(16)))
        trial.suggest_float("rate", 0.0, 0.9, step=0.1)

    ask()
    return least(ask, ASKS)


def tpe() -> Iterator[Target]:
    seconds = {}
    for size in (100, 5000):
        study = optuna.create_study(direction="maximize")
        fill(study, size)
        store = OptunaTrialStore(study, SPACE, seed=0, fidelities=((500, 80),), reward=lambda metrics: 0.0)
        strategy = make_strategy("tpe", SPACE, 0)
        store.start(strategy.choose(store))
        seconds[size] = least(lambda: store.start(strategy.choose(store)), ASKS)  # noqa: B023
    what = "`tpe`, a pull asked for at 5,000 trials"
    yield Target.at_most(f"{what}, by one at 100", seconds[5000] / seconds[100], 1.5, "times")
    yield Target.at_most(what, 1000 * seconds[5000], 100, "ms")


def linucb() -> Iterator[Target]:
    rng = np.random.default_rng(0)
    rule, features = parse_rule("linucb"), rng.standard_normal((1954, 40))
    keys, tally = [str(arm) for arm in range(1954)], Tally()
    for arm in rng.integers(1954, size=3000):
        tally.start(Pull(keys[arm]))
        tally.finish(Pull(keys[arm]), rng.normal())

    def ask() -> None:
        rule.choose(tally.history(keys, features), rule_generator(0, 0))

    ask()
    yield Target.at_most("`linucb` among 1,954 arms of 40 features: a choice", 1000 * least(ask, ASKS), 20, "ms")


def opening() -> Iterator[Target]:
    size = 1000
    with tempfile.TemporaryDirectory() as folder:
        fill(new_study(Path(folder), "run"), size)

        def read() -> None:
            with open_storage(f"sqlite:///{folder}/run.db") as storage:
                study = optuna.load_study(study_name="s", storage=storage)
                OptunaTrialStore(study, SPACE, seed=0, fidelities=((500, 80),), reward=lambda metrics: 0.0)

        yield Target.at_most(f"Opening a record of {size:,} trials, a trial", 1000 * least(read, 4) / size, 0.25, "ms")


def workers() -> Iterator[Target]:
    one = replay(workers=1000).run("ucb", 100_000, 0)
    yield Target.at_least("100,000 pulls replayed by 1,000 workers: busy", 100 * one.utilisation, 95, "%")


def page(results: list[Target]) -> list[str]:
    return [
        "# What grows with a study, and what does not",
        "",
        f"`python results/benchmarks/scale.py` · {platform.machine()}, one core, processor time, the smallest of "
        f"several rounds, studies in memory but where a record is opened · "
        f"Python {platform.python_version()}, Optuna {optuna.__version__}, NumPy {np.__version__}",
        "",
        "Optuna's TPE sorts all trials for each choice and weighs every one, so an ask grows with the study "
        "(`policysearch guide strategies`). The work behind the other rows is counted in the tests.",
        "",
        *section(results),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("scale.md"))
    out = parser.parse_args().out
    results = []
    for part in (spaces, asks, tpe, linucb, opening, workers):
        for target in part():
            results.append(target)
            print(*target.cells, sep=" · ", flush=True)
    out.write_text("\n".join(page(results)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
