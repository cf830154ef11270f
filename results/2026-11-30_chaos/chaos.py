"""Real searches killed at random: is anything lost, doubled, left behind or hung, and is the winner the same?

Run: python results/2026-11-30_chaos/chaos.py [--searches N] [--kills K] [--seed S] [--places local,ray,postgres]
     [--folder F].
Every strategy is searched once undisturbed; then N searches in every place, strategies in turn, each disturbed up to K
times at random moments: its controller, worker or forkserver is killed; on Ray its controller, an actor or the node;
with PostgreSQL its controller, its worker or the server. A killed controller is followed by `policysearch resume`.
Lines are added to chaos.jsonl as searches end; a search that is in it is not run again, and chaos.md has the counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.chaos import disturbed, undisturbed  # noqa: E402
from tests.support.chaos_places import PLACES, Place  # noqa: E402

STRATEGIES = (
    "ucb",
    "random",
    "greedy",
    "epsilon-greedy",
    "epsilon-greedy-decay",
    "ucb-tuned",
    "ucb-normal",
    "kl-ucb",
    "thompson",
    "thompson-beta",
    "top-two-thompson",
    "linucb",
    "exp3",
    "sequential-halving",
    "successive-halving",
    "corrected-halving",
    "hyperband",
    "tpe",
    "optuna:NSGAII",
    "optuna:QMC",
)
LINES = HERE / "chaos.jsonl"
_writing = Lock()


def summary(records: list[dict[str, Any]], command: str) -> str:
    """The counts as Markdown."""
    places = sorted({record["place"] for record in records})
    rows = []
    for place in places:
        some = [record for record in records if record["place"] == place]
        kills = sum((Counter(record["kills"]) for record in some), Counter())
        names = ", ".join(f"{count} of the {name}" for name, count in kills.most_common())
        rows.append(f"| {place} | {len(some)} | {kills.total()}: {names} | {sum(bool(r['faults']) for r in some)} |")
    faults = Counter(f"{record['place']}: {fault}" for record in records for fault in record["faults"])
    return "\n".join(
        [
            "# Chaos",
            "",
            f"`{command}` · {platform.machine()}, Python {platform.python_version()}, two busy cores",
            "",
            f"{len(records)} searches of {len({record['strategy'] for record in records})} strategies. A search is at "
            "fault if a trial is lost, changed or recorded twice, if another policy wins, if a process outlives its "
            "controller by a minute, or if a command takes longer than five minutes.",
            "",
            "| place | searches | kills | searches at fault |",
            "| - | - | - | - |",
            *rows,
            "",
            *(f"- {count} × {fault}" for fault, count in faults.most_common()),
        ]
    )


def searches_in(place: Place, options: argparse.Namespace, folder: Path, expected: dict[str, Path]) -> None:
    """All searches of a place, one after the other."""
    finished = {(line["place"], line["number"]) for line in lines()}
    for number in range(options.searches):
        if (place.name, number) in finished:
            continue
        strategy = STRATEGIES[number % len(STRATEGIES)]
        rng = random.Random(f"{options.seed} {place.name} {number}")
        record = disturbed(strategy, expected[strategy], folder / f"{place.name}{number}x", options.kills, rng, place)
        line = {"place": place.name, "number": number, "strategy": strategy, "kills": record.kills}
        with _writing, LINES.open("a", encoding="utf-8") as file:
            print(json.dumps({**line, "faults": record.faults}), file=file)
        print(place.name, number, strategy, dict(record.kills), record.faults, flush=True)


def lines() -> list[dict[str, Any]]:
    """What is recorded."""
    return [json.loads(line) for line in LINES.read_text(encoding="utf-8").splitlines()] if LINES.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=68, help="in every place")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--places", default="local,ray,postgres")
    parser.add_argument("--folder", type=Path, help="where searches stand; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        (folder / "whole").mkdir(parents=True, exist_ok=True)
        strategies = STRATEGIES[: options.searches]
        with ThreadPoolExecutor(3) as threads:
            whole = threads.map(lambda strategy: undisturbed(strategy, folder / "whole"), strategies)
            expected = dict(zip(strategies, whole, strict=True))
        with ExitStack() as stack, ThreadPoolExecutor() as threads:
            # Ray is started in the main thread, where signals are handled.
            places = [stack.enter_context(PLACES[place]()) for place in options.places.split(",")]
            jobs = [threads.submit(searches_in, place, options, folder, expected) for place in places]
            for job in jobs:
                job.result()
    command = "python " + " ".join(["results/2026-11-30_chaos/chaos.py", *sys.argv[1:]])
    (HERE / "chaos.md").write_text(summary(lines(), command) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
