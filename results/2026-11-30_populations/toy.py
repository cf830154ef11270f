"""pba and pb2 against Ray Tune's PBT and PB2 on one toy problem with a best setting that moves as training goes on.

Run: python results/2026-11-30_populations/toy.py [--seeds 100] [--bandit-seeds 30] [--out FOLDER]. Writes toy.md and
toy.csv; some twenty-five minutes with PB2 on a busy core, nearly all of them for the two Gaussian processes. Tune's PB2
needs scikit-learn and pandas; where they are missing its rows are left out and the page says so. No child is trained.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from policysearch.core.trial import Outcome
from policysearch.policy.space_files import parse_space
from policysearch.policy.spaces import Space
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import standard_error, student
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.populations.strategy import make_population
from policysearch.study.rows import Row
from policysearch.study.sources import Budgeted

CHILDREN, INTERVALS, QUANTILE = 8, 12, 0.25
WIDTH, NOISE = 0.25, 0.01
PBA_TOP, PB2_TOP = 10, 100
"""Choices of a parameter are 0 to this: as few as PBA's probabilities have, or nearly a continuum."""


def best_setting(share: float) -> np.ndarray:
    """Where the gain is largest, in [0, 1]^2, by the share of the training done: it moves along a diagonal."""
    return np.array([0.2 + 0.6 * share, 0.8 - 0.6 * share])


def gain(setting: np.ndarray, interval: int) -> float:
    """What an interval gains, at most 1."""
    far = setting - best_setting(interval / (INTERVALS - 1))
    return float(np.exp(-(far @ far) / (2 * WIDTH**2)))


def seen(level: float, seed: int, child: int, interval: int) -> float:
    """The reward that is seen of a level: a share of the whole that can be gained, with noise."""
    noise = np.random.default_rng([seed, child, interval]).standard_normal()
    return level / INTERVALS + NOISE * noise


def outcome(levels: dict[int, float], rewards: dict[int, float]) -> float:
    """The true level of the child whose last reward is highest: what a user would take home."""
    return levels[max(rewards, key=lambda child: rewards[child])] / INTERVALS


# This program


def space(top: int) -> Space:
    text = f"""
    schema = 1
    [[family]]
    name = "toy"
    parameters = {{ a = {list(range(top + 1))}, b = {list(range(top + 1))} }}
    [family.policy]
    [[family.policy.sub_policies]]
    steps = [{{ operation = "rotate", magnitude = "$a" }}, {{ operation = "rotate", magnitude = "$b" }}]
    """
    return parse_space("toy", text, "toy")


def ours(name: str, top: int) -> Callable[[int], float]:
    def run(seed: int) -> float:
        strategy = make_population(
            f"{name}:population={CHILDREN},interval=1,quantile={QUANTILE}", SPACES[top], INTERVALS
        )
        store = InMemoryTrialStore(
            seed=seed, fidelities=[(1, end) for end in strategy.ends], reward=lambda metrics: float(metrics["reward"])
        )
        source = Budgeted(store, strategy, CHILDREN * INTERVALS)
        levels: list[float] = []
        while (trial := source.ask()) is not None:
            row: Row = store.rows[trial.number]
            interval, child = divmod(row.number, CHILDREN)
            setting = np.array([row.arm.parameters["toy.a"], row.arm.parameters["toy.b"]], dtype=float) / top
            before = 0.0 if row.parent is None else levels[row.parent]
            levels.append(before + gain(setting, interval))
            source.tell(trial, Outcome({"reward": seen(levels[-1], seed, child, interval)}))
        last = range(CHILDREN * (INTERVALS - 1), CHILDREN * INTERVALS)
        return outcome({i: levels[i] for i in last}, {i: float(store.rows[i].reward or 0) for i in last})

    return run


SPACES = {top: space(top) for top in (PBA_TOP, PB2_TOP)}


def fixed(top: int) -> Callable[[int], float]:
    """As many children, whose settings are drawn once and never change: what a population is worth."""

    def run(seed: int) -> float:
        rng = np.random.default_rng([seed, 1])
        settings = rng.integers(0, top + 1, (CHILDREN, 2)) / top
        levels = {c: sum(gain(settings[c], i) for i in range(INTERVALS)) for c in range(CHILDREN)}
        return outcome(levels, {c: seen(levels[c], seed, c, INTERVALS - 1) for c in range(CHILDREN)})

    return run


# Ray Tune


def papers_explore(top: int) -> Callable[[dict], dict]:
    """PBA's explore function (Ho et al. 2019, algorithm 2) for Tune, as its authors give it to Tune."""

    def explore(config: dict) -> dict:
        for name in ("a", "b"):
            if random.random() < 0.2:
                config[name] = random.randint(0, top)
            else:
                step = random.randint(0, 3) * random.choice((-1, 1))
                config[name] = min(max(config[name] + step, 0), top)
        return config

    return explore


class _Trial:
    """One of Tune's trials, always paused between intervals, as its synchronous schedulers have them."""

    def __init__(self, number: int, config: dict) -> None:
        self.trial_id = self.experiment_tag = str(number)
        self.config, self.evaluated_params = config, {}
        self.status = "PAUSED"
        self.temporary_state = SimpleNamespace(saving_to=None)
        manager = SimpleNamespace(
            checkpoint_config=SimpleNamespace(num_to_keep=None),
            _latest_checkpoint_result=SimpleNamespace(checkpoint=0.0),
        )
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)

    @property
    def level(self) -> float:
        """What its training has reached, which stands for its weights."""
        return float(self.checkpoint.level)

    @property
    def checkpoint(self) -> SimpleNamespace:
        return self.run_metadata.checkpoint_manager._latest_checkpoint_result.checkpoint

    def keep(self, level: float) -> None:
        kept = SimpleNamespace(checkpoint=SimpleNamespace(level=level))
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = kept

    def set_config(self, config: dict) -> None:
        self.config = config

    def set_experiment_tag(self, tag: str) -> None:
        self.experiment_tag = tag

    def is_finished(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.trial_id


def tuned(scheduler: Callable[[], object], settings: Callable[[int, int], dict]) -> Callable[[int], float]:
    """A population of Tune's: `settings` gives a child's first setting by (seed, child).

    The scheduler is Tune's own; what calls it is a loop here in place of Tune's controller and Ray's actors, which take
    minutes for what costs nothing: every child trains an interval and reports, in order, as with `synch=True`.
    """

    def run(seed: int) -> float:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # Tune draws from the global generators
        trials = [_Trial(child, settings(seed, child)) for child in range(CHILDREN)]
        controller = SimpleNamespace(
            search_alg=None, get_trials=lambda: trials, get_live_trials=lambda: trials, pause_trial=None
        )
        chooser = scheduler()
        rewards: dict[int, float] = {}
        for trial in trials:
            trial.keep(0.0)
            chooser.on_trial_add(controller, trial)
        for interval in range(INTERVALS):
            for child, trial in enumerate(trials):
                setting = np.array([trial.config["a"], trial.config["b"]], dtype=float) / trial.config["top"]
                trial.keep(trial.level + gain(setting, interval))
                rewards[child] = seen(trial.level, seed, child, interval)
            levels = {child: trial.level for child, trial in enumerate(trials)}
            for child, trial in enumerate(trials):
                report = {"training_iteration": interval + 1, "reward": rewards[child]}
                chooser.on_trial_result(controller, trial, report)
        return outcome(levels, rewards)

    return run


def drawn(top: int) -> Callable[[int, int], dict]:
    """A child's first setting, drawn evenly."""

    def setting(seed: int, child: int) -> dict:
        a, b = np.random.default_rng([seed, 2, child]).integers(0, top + 1, 2)
        return {"a": int(a), "b": int(b), "top": top}

    return setting


def of_tune() -> dict[str, Callable[[int], float]]:
    from ray.tune.schedulers import PopulationBasedTraining

    common: dict[str, Any] = {
        "metric": "reward",
        "mode": "max",
        "time_attr": "training_iteration",
        "perturbation_interval": 1,
        "quantile_fraction": QUANTILE,
        "synch": True,
        "log_config": False,
    }

    def pbt() -> object:
        top = PBA_TOP
        mutations = {name: list(range(top + 1)) for name in "ab"}
        return PopulationBasedTraining(hyperparam_mutations=mutations, **common)

    def pbt_explore() -> object:
        return PopulationBasedTraining(custom_explore_fn=papers_explore(PBA_TOP), **common)

    runs = {
        "Tune PBT, the paper's explore": tuned(pbt_explore, drawn(PBA_TOP)),
        "Tune PBT, its own explore": tuned(pbt, drawn(PBA_TOP)),
    }
    if all(importlib.util.find_spec(name) for name in ("sklearn", "pandas")):
        from ray.tune.schedulers.pb2 import PB2

        def pb2() -> object:
            return PB2(hyperparam_bounds={name: [0.0, float(PB2_TOP)] for name in "ab"}, **common)

        def real(seed: int, child: int) -> dict:
            return {name: float(value) for name, value in drawn(PB2_TOP)(seed, child).items()}  # Tune keeps the type

        runs["Tune PB2"] = tuned(pb2, real)
    return runs


# The table


def interval_of(levels: list[float]) -> Estimate:
    """The mean and its 95 % t interval."""
    values = np.array(levels)
    return student(float(values.mean()), float(standard_error(values)), len(values))


def table(values: dict[str, list[float]]) -> str:
    lines = ["| strategy | n | level reached | sd | least, most |", "| - | - | - | - | - |"]
    for name, levels in values.items():
        interval = interval_of(levels)
        lines.append(
            f"| {name} | {len(levels)} | {interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}] | "
            f"{np.std(levels, ddof=1):.3f} | {min(levels):.3f}, {max(levels):.3f} |"
        )
    return "\n".join(lines)


def differences(values: dict[str, list[float]]) -> str:
    """Ours minus Tune's on the same seeds, with 95 % t intervals."""
    pairs = [("pba", "Tune PBT, the paper's explore"), ("pba", "Tune PBT, its own explore"), ("pb2", "Tune PB2"),
             ("pb2", "pba"), ("pba", "no population")]  # fmt: skip
    lines = ["| difference | n | mean [95 %] |", "| - | - | - |"]
    for one, other in pairs:
        if other in values:
            interval = interval_of([a - b for a, b in zip(values[one], values[other], strict=False)])
            lines.append(
                f"| {one} − {other} | {min(len(values[one]), len(values[other]))} | "
                f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}] |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--bandit-seeds", type=int, default=30, help="of pb2 and Tune's PB2, which take far longer")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", default="", help="names of strategies, separated by commas")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    runs: dict[str, Callable[[int], float]] = {
        "no population": fixed(PB2_TOP),
        "pba": ours("pba", PBA_TOP),
        "pb2": ours("pb2", PB2_TOP),
    }
    only = [name.strip() for name in options.only.split(",") if name.strip()]
    runs |= of_tune()
    values: dict[str, list[float]] = {}
    for name, run in runs.items():
        if only and name not in only:
            continue
        began = time.perf_counter()
        count = options.bandit_seeds if "pb2" in name.lower() else options.seeds
        values[name] = [run(seed) for seed in range(count)]
        print(f"{name}: {np.mean(values[name]):.3f}, {time.perf_counter() - began:.0f} s", flush=True)

    with (options.out / "toy.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["strategy", *range(options.seeds)])
        writer.writerows([name, *(f"{level:.6f}" for level in levels)] for name, levels in values.items())
    missing = "" if "Tune PB2" in values else "\nTune's PB2 was left out: scikit-learn or pandas is missing.\n"
    text = f"{table(values)}\n\n{differences(values)}\n{missing}"
    (options.out / "toy.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
