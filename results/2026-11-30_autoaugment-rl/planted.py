"""Does AutoAugment's controller find good operations that are planted, and with how many pulls less than others?

    python planted.py [--pulls 1000] [--seeds 8] [--noise 0.1]

Nothing is trained: a policy's reward is the share of its ten steps whose operation is one of three good ones of
fifteen, each worth more by its probability and level, plus noise. It writes curves.csv, curves.png and the table of
README.md (between the two marks), and prints that table.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import optuna

from policysearch.core.seeds import rule_generator
from policysearch.policy.space_files import load_space
from policysearch.policy.suggestions import suggested
from policysearch.stats.intervals import standard_error, student
from policysearch.study.autoaugment_rl.controller import Written, new_controller
from policysearch.study.autoaugment_rl.settings import parsed_settings
from policysearch.study.autoaugment_rl.space_form import form_of
from policysearch.study.seeded_sampler import SeededSampler

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
SPACE = load_space("autoaugment-paper")
FORM = form_of(SPACE)
GOOD = (2, 4, 14)
"""Translations, rotations and cutout: planted, and no statement about images."""
READ_AT = (50, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000)
BEST = 5
MARKS = ("<!-- table -->", "<!-- end of table -->")
"""What the script writes in README.md is between these."""

Search = Callable[[int, int, float], Iterator[tuple[float, float]]]


def worth(decisions: list[int]) -> float:
    """Of a policy, in [0, 1]: its steps' mean of (2 + probability + level/9)/4 where the operation is good, else 0."""
    steps = np.array(decisions).reshape(-1, 3)
    gains = (2 + steps[:, 1] / 10 + steps[:, 2] / 9) / 4
    return float((np.isin(steps[:, 0], GOOD) * gains).mean())


def controller(options: str) -> Search:
    """The worth and the reward of every policy that a controller writes."""

    def search(seed: int, pulls: int, noise: float) -> Iterator[tuple[float, float]]:
        settings = parsed_settings(f"autoaugment-rl:{options}")
        writer, batch = new_controller(settings, FORM, seed), []
        rng = np.random.default_rng([seed, 1])
        for number in range(pulls):
            decisions, probability = writer.write(rule_generator(seed, number))
            reward = worth(decisions) + noise * rng.standard_normal()
            yield worth(decisions), reward
            batch.append(Written(decisions, probability, reward))
            if len(batch) == settings.batch:
                writer, batch = writer.learned(batch), []

    return search


def sampler(kind: Callable[..., optuna.samplers.BaseSampler]) -> Search:
    """The same of an Optuna sampler, over the parameters of the family alone: no pull is spent on fixed policies."""

    def search(seed: int, pulls: int, noise: float) -> Iterator[tuple[float, float]]:
        study = optuna.create_study(sampler=SeededSampler(lambda s: kind(seed=s), seed), direction="maximize")
        rng = np.random.default_rng([seed, 1])
        for _ in range(pulls):
            trial = study.ask()
            values = {
                name: suggested(trial, name, list(choices))
                for name, choices in zip(FORM.names, FORM.choices, strict=True)
            }
            decisions = FORM.decisions(values)
            assert decisions is not None
            reward = worth(decisions) + noise * rng.standard_normal()
            study.tell(trial, reward)
            yield worth(decisions), reward

    return search


SEARCHES: dict[str, Search] = {
    "autoaugment-rl (PPO)": controller(""),
    "autoaugment-rl:update=reinforce": controller("update=reinforce"),
    "autoaugment-rl:update=reinforce,batch=1": controller("update=reinforce,batch=1"),
    "tpe": sampler(optuna.samplers.TPESampler),
    "random": sampler(optuna.samplers.RandomSampler),
}


def readings(trials: np.ndarray, at: int) -> tuple[float, float, float]:
    """After `at` pulls: the worth of the policy of the best reward, of the five best as one, of the last 50 written."""
    worths, rewards = trials[:at, 0], trials[:at, 1]
    order = np.argsort(-rewards, kind="stable")
    return float(worths[order[0]]), float(worths[order[:BEST]].mean()), float(worths[-50:].mean())


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--pulls", type=int, default=1000)
    options.add_argument("--seeds", type=int, default=8)
    options.add_argument("--noise", type=float, default=0.1)
    chosen = options.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    curves, cost = {}, {}
    for name, search in SEARCHES.items():
        start = time.process_time()
        runs = [np.array([*search(seed, chosen.pulls, chosen.noise)]) for seed in range(chosen.seeds)]
        cost[name] = (time.process_time() - start) / chosen.seeds / chosen.pulls
        curves[name] = np.array([[readings(run, at) for at in checkpoints(chosen.pulls)] for run in runs])
        print(name, curves[name][:, -1].mean(axis=0).round(3), flush=True)
    write(curves, cost, chosen)


def checkpoints(pulls: int) -> list[int]:
    """Where curves are read."""
    return [at for at in READ_AT if at < pulls] + [pulls]


def write(curves: dict[str, np.ndarray], cost: dict[str, float], chosen: argparse.Namespace) -> None:
    """Write curves.csv, curves.png and the table."""
    at = checkpoints(chosen.pulls)
    with (HERE / "curves.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["search", "seed", "pulls", "best", "five_best", "last_50"])
        for name, values in curves.items():
            for seed, of_seed in enumerate(values):
                rows.writerows([name, seed, n, *reading.round(6)] for n, reading in zip(at, of_seed, strict=True))

    table = "\n".join(table_of(curves, cost, chosen))
    print(table)
    page = HERE / "README.md"
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", encoding="utf-8")
    draw(curves, at)


def table_of(curves: dict[str, np.ndarray], cost: dict[str, float], chosen: argparse.Namespace) -> Iterator[str]:
    """The worth of the five best as one by pulls, and what is written and costs at the end."""
    at = [n for n in checkpoints(chosen.pulls) if n >= 100]
    yield f"{chosen.seeds} seeds, {chosen.pulls} pulls, noise {chosen.noise:g}; mean [95 % t interval over seeds]."
    yield ""
    heads = ["the five best as one, after", *map(str, at), "the last 50 written", "CPU ms a choice"]
    yield f"| {' | '.join(heads)} |"
    yield "|" + " - |" * len(heads)
    for name, values in curves.items():
        places = [checkpoints(chosen.pulls).index(n) for n in at]
        cells = [*(interval(values[:, place, 1]) for place in places), interval(values[:, -1, 2])]
        yield f"| {' | '.join([name, *cells, f'{1000 * cost[name]:.0f}'])} |"


def interval(values: np.ndarray) -> str:
    """Mean and interval, two digits."""
    estimate = student(float(values.mean()), float(standard_error(values)), len(values))
    return f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def draw(curves: dict[str, np.ndarray], at: list[int]) -> None:
    """Write curves.png: the five best as one by pulls, one line a seed and the mean."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for color, (name, values) in enumerate(curves.items()):
        axes.plot(at, values[:, :, 1].T, color=f"C{color}", alpha=0.2, linewidth=0.8)
        axes.plot(at, values[:, :, 1].mean(axis=0), color=f"C{color}", label=name, marker="o", markersize=3)
    axes.set_xlabel("pulls")
    axes.set_ylabel("worth of the five best policies as one")
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8)
    figure.savefig(HERE / "curves.png", dpi=110)


if __name__ == "__main__":
    main()
