"""Soft against hard crops at equal σ: python compare.py TABLE.parquet[+PULLS.jsonl] … writes soft.md here.

Long trainings of the arms `crop` of the space `broad` (hard, and target softened with k 2), and of pulls.py where there
are some (weight, both), paired by replicate: same subset, first weights and batch order.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import t

from policysearch.experiments.tabular.table_file import load_table

HERE = Path(__file__).parent
METRICS = {"accuracy": 100, "loss": 1, "ece": 100}
PAIRS = (("target", "off"), ("weight", "off"), ("both", "off"), ("weight", "target"), ("both", "target"))
Found = dict[tuple[str, str], dict[int, dict[str, float]]]


def found(spec: str) -> Found:
    """(σ, mode) -> replicate -> metrics, at the dearest fidelity."""
    path, _, further = spec.partition("+")
    table, out = load_table(path), defaultdict(dict)
    for cell, metrics in enumerate(table.metrics):
        own = table.arms[table.arm[cell]].parameters
        if own["family"] == "crop" and table.fidelity[cell] == len(table.fidelities) - 1:
            out[f"{own['crop.sigma']:g}", str(own["crop.mode"])][int(table.replicate[cell])] = metrics
    for line in map(json.loads, Path(further).read_text().splitlines() if further else []):
        _, sigma, mode = line["name"].split()
        out[sigma, mode][line["replicate"]] = line
    return dict(out)


def difference(ours: dict[int, dict[str, float]], theirs: dict[int, dict[str, float]], name: str) -> str:
    """Mean paired difference with its 95 % t interval."""
    gaps = np.array([ours[j][name] - theirs[j][name] for j in sorted(ours.keys() & theirs.keys())]) * METRICS[name]
    half = t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    return f"{gaps.mean():+.2f} ± {half:.2f}"


def lines(spec: str) -> list[str]:
    measured = found(spec)
    out = [f"## {Path(spec.partition('+')[0]).stem}", ""]
    heads = (
        "σ",
        "hard: accuracy, loss, ECE",
        "softened",
        "minus",
        "n",
        "accuracy [points]",
        "loss [nats]",
        "ECE [points]",
    )
    out += [f"| {' | '.join(heads)} |", f"|{' - |' * len(heads)}"]
    for sigma in sorted({sigma for sigma, _ in measured}):
        hard = measured.get((sigma, "off"), {})
        plain = [np.mean([m[name] for m in hard.values()]) * scale for name, scale in METRICS.items()]
        for mode, other in PAIRS:
            if (sigma, mode) in measured:
                soft, without = measured[sigma, mode], measured[sigma, other]
                n = str(len(soft.keys() & without.keys()))
                minus = "hard" if other == "off" else other
                cells = [sigma, ", ".join(f"{value:.2f}" for value in plain), mode, minus, n]
                out.append(f"| {' | '.join([*cells, *(difference(soft, without, name) for name in METRICS)])} |")
    return [*out, ""]


if __name__ == "__main__":
    (HERE / "soft.md").write_text("\n".join(line for spec in sys.argv[1:] for line in lines(spec)))
