"""What a pull costs the controller: ask, record and tell on SQLite, beside Optuna's own ask and tell.

Run: python results/benchmarks/record.py [--out FILE]. One core. No child is trained. For each size the record is
filled first, then 50 pulls are timed one by one; the peer is `study.ask` with the same parameters suggested, one
attribute set, `study.tell`, on a study of its own of the same size, alternating with ours in the same run.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
from targets import Target, section

from policysearch.core.trial import Outcome
from policysearch.policy.space_files import load_space
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.space_distributions import distributions
from policysearch.study.strategies import make_strategy

optuna.logging.set_verbosity(optuna.logging.ERROR)
PULLS = 50
SIZES = {"ucb": (100, 1000, 5000), "epsilon-greedy": (100, 5000), "tpe": (100, 1000)}
"""Trials in the record, by strategy."""
LIMITS = {100: 40.0, 5000: 60.0}
"""Milliseconds of a pull, at most, by trials in the record."""
METRICS = {f"metric_{i}": i / 7 for i in range(18)} | {
    "curve": [{"epoch": e, "accuracy": 0.5, "loss": 1.0} for e in range(4)]
}
SPACE = load_space("default")


@dataclass(frozen=True)
class Cell:
    """Milliseconds of each pull in a record of some size, and of the peer's pulls that alternated with them."""

    strategy: str
    size: int
    own: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.own)

    def row(self) -> str:
        deciles = statistics.quantiles(self.own, n=10)
        spread = f"{self.median:.1f} ({deciles[0]:.1f} to {deciles[-1]:.1f})"
        return f"| {self.strategy} | {self.size} | {spread} | {self.median / statistics.median(self.peer):.2f} |"


def new_study(folder: Path, name: str) -> optuna.Study:
    return optuna.create_study(storage=f"sqlite:///{folder}/{name}.db", study_name="s", direction="maximize")


def ours(study: optuna.Study, strategy_name: str, size: int) -> Callable[[], None]:
    fill(study, size)
    record = OptunaTrialStore(study, SPACE, seed=0, fidelities=((500, 80),), reward=lambda m: float(m["metric"]))
    strategy = make_strategy(strategy_name, SPACE, 0)

    def pull() -> None:
        trial = record.start(strategy.choose(record))
        record.tell(trial, Outcome({"metric": hash(trial.arm) % 1000 / 1e4 + trial.replicate % 7 / 1e3, **METRICS}))

    return pull


def fill(study: optuna.Study, size: int) -> None:
    """Finished trials of all arms in turn, added in one go."""
    arms = SPACE.arms(0)
    for arm in arms:
        study.set_user_attr(f"policy:{arm.key}", arm.policy.to_json(indent=None))
    study.add_trials(
        [
            optuna.trial.create_trial(
                value=n % 13 / 1e3,
                params=dict(arms[n % len(arms)].parameters),
                distributions=distributions(SPACE, arms[n % len(arms)].parameters),
                user_attrs={
                    "pull": json.dumps({"arm": arms[n % len(arms)].key, "replicate": n // len(arms)}),
                    "outcome": json.dumps(
                        {"metrics": {"metric": n % 13 / 1e3, **METRICS}, "error": "", "seconds": 5.0}
                    ),
                },
            )
            for n in range(size)
        ]
    )


def peer(study: optuna.Study, size: int) -> Callable[[], None]:
    fill(study, size)
    study.sampler = optuna.samplers.RandomSampler(seed=0)

    def pull() -> None:
        trial = study.ask()
        SPACE.suggest(trial)
        trial.set_user_attr("outcome", json.dumps(METRICS))
        study.tell(trial, 0.5)

    return pull


def timed(pull: Callable[[], None]) -> float:
    started = time.perf_counter()
    pull()
    return 1000 * (time.perf_counter() - started)


def cells() -> Iterator[Cell]:
    for strategy, sizes in SIZES.items():
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                a = ours(new_study(Path(folder), "ours"), strategy, size)
                b = peer(new_study(Path(folder), "peer"), size)
                pairs = [(timed(a), timed(b)) for _ in range(PULLS)]
            cell = Cell(strategy, size, *zip(*pairs, strict=True))
            print(cell.row(), flush=True)
            yield cell


def against_limits(medians: dict[tuple[str, int], float]) -> list[Target]:
    """Medians in milliseconds, by strategy and size of the record."""
    return [
        Target.at_most(f"a pull of {strategy}, {size:,} trials in the record", median, LIMITS[size], "ms")
        for (strategy, size), median in medians.items()
        if size in LIMITS
    ]


def page(results: list[Cell]) -> list[str]:
    return [
        "# Controller overhead of one pull (ask, record, tell), SQLite",
        "",
        f"`python results/benchmarks/record.py` · {platform.processor() or platform.machine()}, one core · "
        f"Python {platform.python_version()}, Optuna {optuna.__version__} · n = {PULLS} pulls a cell, "
        "median (10th to 90th percentile)",
        "",
        "Ratio: to Optuna's own ask, suggest and tell with its random sampler, in the same run.",
        "",
        "| strategy | trials in the record | ms a pull | ratio |",
        "| - | - | - | - |",
        *(cell.row() for cell in results),
        "",
        *section(against_limits({(cell.strategy, cell.size): cell.median for cell in results})),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("record.md"))
    out = parser.parse_args().out
    out.write_text("\n".join(page(list(cells()))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
