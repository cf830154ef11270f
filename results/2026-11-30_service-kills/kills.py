"""`policysearch serve` killed at random moments: is a job lost, doubled, changed, left behind, or never at rest?

Run: python results/2026-11-30_service-kills/kills.py [--kills N] [--seed S] [--folder F]
In series of 20 kills: a server with two workers is asked to search, stop, cancel, resume, delete and to take uploads,
and is killed (SIGKILL) at a random moment of that; sometimes a runner is killed too, sometimes the server again while
it starts. At the end of a series everything that rests is resumed. A line is added to kills.jsonl as a series ends, and
kills.md has the counts; a series that is in it is not run again.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.service_kills import KillSeries, undisturbed  # noqa: E402

LINES = HERE / "kills.jsonl"
OF_A_SERIES = 20


def summary(series: list[dict[str, Any]], command: str) -> str:
    """The counts as Markdown."""
    kills = sum((Counter(record["kills"]) for record in series), Counter())
    acts = sum((Counter(record["acts"]) for record in series), Counter())
    jobs = sum((Counter(record["jobs"]) for record in series), Counter())
    faults = Counter(fault for record in series for fault in record["faults"])
    server = sum(count for name, count in kills.items() if name != "runner")
    return "\n".join(
        [
            "# Kills of the service",
            "",
            f"`{command}` · {platform.machine()}, Python {platform.python_version()}, two busy cores",
            "",
            f"The server was killed {server} times and a runner {kills['runner']} times, in {len(series)} series. At "
            "the end of each, everything that rests is resumed. A series is at fault if a job does not end, if its "
            "trials are not those of the same search undisturbed, if a job that is done lacks a file, if a process, a "
            "folder of a deleted job, an upload or something in the trash is left, or if the server printed a "
            "traceback.",
            "",
            "| moment | kills |",
            "| - | - |",
            *(f"| {name} | {count} |" for name, count in kills.most_common()),
            "",
            f"Requests that were answered: {_counts(acts)}. Jobs at the end: {_counts(jobs)}.",
            "",
            f"Faults: {_counts(faults) or 'none'}.",
            "",
        ]
    )


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def main() -> None:
    """Run the series that are missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        expected = folder / "undisturbed" / "run"
        if not expected.exists():
            undisturbed(expected.parent)
        for number in range(-(-options.kills // OF_A_SERIES)):
            if number in {record["series"] for record in _lines()}:
                continue
            rng = random.Random(f"{options.seed} {number}")
            record = KillSeries(folder / f"series-{number}", rng).run(OF_A_SERIES, expected)
            with LINES.open("a") as file:
                file.write(json.dumps({"series": number, **vars(record)}) + "\n")
            command = f"python results/{HERE.name}/kills.py --kills {options.kills} --seed {options.seed}"
            (HERE / "kills.md").write_text(summary(_lines(), command))


def _lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []


if __name__ == "__main__":
    main()
