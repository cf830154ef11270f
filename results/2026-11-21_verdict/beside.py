"""A searched policy beside others: python beside.py FOLDER/beside.jsonl writes FOLDER/beside.md.

The file is of pulls.py (../2026-11-21_soft-crop), long trainings judged on validation; the searched policy is that of
FOLDER/joint.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import ttest_1samp

HEADS = ("policy", "n", "accuracy [%] ± sd", "ECE [%]", "searched − it: accuracy [points]", "p", "ECE [points]")


def main(path: str) -> None:
    found: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    names = {}
    for line in map(json.loads, Path(path).read_text().splitlines()):
        found[line["policy"]][line["replicate"]] = line
        names.setdefault(line["policy"], line["name"])
    searched = json.loads(Path(path).with_name("joint").joinpath("policy.json").read_text())["hash"]
    rows = [f"| {' | '.join(HEADS)} |", f"|{' - |' * len(HEADS)}"]
    for key in sorted(found, key=lambda k: -_values(found[k], "accuracy").mean()):
        own = {name: _values(found[key], name) for name in ("accuracy", "ece")}
        cells = [names[key], f"{len(found[key])}", f"{own['accuracy'].mean():.2f} ± {own['accuracy'].std(ddof=1):.2f}"]
        cells.append(f"{own['ece'].mean():.2f}")
        if key != searched:
            cells += [*_difference(found[searched], found[key], "accuracy")]
            cells.append(_difference(found[searched], found[key], "ece")[0])
        rows.append(f"| {' | '.join(cells)} |" + " |" * (len(HEADS) - len(cells)))
    Path(path).with_name("beside.md").write_text("\n".join(rows) + "\n")


def _values(own: dict[int, dict[str, float]], name: str) -> np.ndarray:
    return np.array([100 * pull[name] for pull in own.values()])


def _difference(ours: dict[int, dict[str, float]], theirs: dict[int, dict[str, float]], name: str) -> tuple[str, str]:
    """The paired mean with its 95 % t interval, and p."""
    gaps = np.array([100 * (ours[j][name] - theirs[j][name]) for j in sorted(ours.keys() & theirs.keys())])
    test = ttest_1samp(gaps, 0)
    half = float(test.confidence_interval().high) - gaps.mean()
    return f"{gaps.mean():+.2f} ± {half:.2f}", f"{test.pvalue:.3f}"


if __name__ == "__main__":
    main(sys.argv[1])
