"""Which cheap pull picks like long training: python study.py NAME=TABLE.parquet … writes proxies.json, .md, .png here.

Every table holds long training and cheap pulls of the same arms (join.py). NAME=TABLE.parquet+OTHER.parquet adds pulls
of another recipe, named by its file. Rewards fitted on one table are judged on the others, at the same shares of images
and epochs: that is what a default can be trusted for.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import tab20
from matplotlib.figure import Figure

from policysearch.experiments.calibration.analysis import REWARDS_TRIED, Analysis, Candidate, analyse
from policysearch.experiments.calibration.proxies import Estimated
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.experiments.tabular.table_file import load_table

HERE = Path(__file__).parent
DRAWS = 2000
DEAREST = 0.3
COLUMNS = (
    *("recipe", "images × epochs", "share of a long pull", "reward", "regret, 1 pull", "regret, J pulls", "J"),
    *("Spearman", "inside families"),
)


@dataclass(frozen=True)
class Row:
    """One cheap pull of one data set, judged."""

    data: str
    recipe: str
    shape: str
    found: Candidate
    fitted_on: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.recipe, self.shape, self.found.reward


def shape(fidelity: Fidelity, long: Fidelity) -> str:
    """A fidelity as shares of the long one: images × epochs."""
    images, epochs = Fraction(fidelity.images, long.images), Fraction(fidelity.epochs, long.epochs)
    return f"{images} × {epochs}"


def with_curves(table: Table, long: Fidelity) -> Table:
    """A table in which every point of a curve under a constant rate is a pull of so many epochs."""
    own = [table.fidelities[f] for f in table.fidelity]
    points = [(i, n) for i, f in enumerate(own) if f != long for n in range(len(table.metrics[i]["curve"]))]
    kept = [i for i, f in enumerate(own) if f == long]
    which = [i for i, _ in points] + kept
    cut = [_point_of(table, i, n) for i, n in points]
    sizes = [Fidelity(own[i].images, int(m["curve"][-1]["epoch"])) for (i, _), m in zip(points, cut, strict=True)]
    fidelities = (*sorted(set(sizes), key=lambda f: f.cost), long)
    seconds = [table.seconds[i] * size.epochs / own[i].epochs for (i, _), size in zip(points, sizes, strict=True)]
    return replace(
        table,
        fidelities=fidelities,
        arm=table.arm[which],
        replicate=table.replicate[which],
        fidelity=np.array([fidelities.index(f) for f in (*sizes, *[long] * len(kept))]),
        metrics=(*cut, *(table.metrics[i] for i in kept)),
        seconds=np.array([*seconds, *table.seconds[kept]]),
    )


def _point_of(table: Table, cell: int, n: int) -> dict[str, Any]:
    """What would have been recorded of a pull that ended at point n of its curve."""
    metrics = table.metrics[cell]
    curve = metrics["curve"][: n + 1]
    last = curve[-1]
    share = last["epoch"] / table.fidelities[table.fidelity[cell]].epochs
    told = {"accuracy": last["accuracy"], "loss": last["loss"], "curve": curve}
    return {**told, "cpu_seconds": metrics["cpu_seconds"] * share}


def judged(data: str, path: str) -> tuple[Analysis, list[Row]]:
    """Every cheap pull of a data set."""
    table = load_table(path)
    found = analyse(table, draws=DRAWS)
    rows = [
        Row(data, "one-cycle", shape(c.fidelity, found.long), c, data if c.correction else "") for c in found.candidates
    ]
    return found, rows


def transferred(data: str, path: str, others: list[Row]) -> list[Row]:
    """Rewards that were fitted on other data, judged on these."""
    table, out = load_table(path), []
    long = table.fidelities[-1]
    for other in others:
        sizes = [f for f in table.fidelities if shape(f, long) == other.shape]
        if not (other.found.correction and sizes and other.data != data):
            continue
        found = analyse(only(table, (*sizes, long)), (other.found.correction.reward,), fitted=False, draws=DRAWS)
        (own,) = [c for c in found.candidates if c.fidelity == sizes[0]]
        out.append(Row(data, "one-cycle", other.shape, own, other.data))
    return out


def only(table: Table, fidelities: tuple[Fidelity, ...]) -> Table:
    """The pulls at these fidelities; a fitted reward may need metrics that others were recorded without."""
    kept = np.flatnonzero([table.fidelities[f] in fidelities for f in table.fidelity])
    places = np.array([fidelities.index(table.fidelities[f]) for f in table.fidelity[kept]])
    rows = {"arm": table.arm[kept], "replicate": table.replicate[kept], "seconds": table.seconds[kept]}
    metrics = tuple(table.metrics[i] for i in kept)
    return replace(table, fidelities=fidelities, fidelity=places, metrics=metrics, **rows)


def further(data: str, path: str) -> list[Row]:
    """Pulls of another recipe; a constant rate is read at every point of its curves."""
    table = load_table(path)
    constant = "constant" in Path(path).stem
    long = table.fidelities[-1]
    extrapolated = f"{HERE / 'curves.py'}:extrapolated"
    of_curves = ("accuracy", "-loss", "accuracy-0.1*loss", extrapolated)
    rewards = of_curves if constant else (*REWARDS_TRIED, *_of_base(table))
    found = analyse(with_curves(table, long) if constant else table, rewards, draws=DRAWS, fitted=not constant)
    recipe = Path(path).stem.split("-")[1]
    base = 1 / len(found.arms) if _of_base(table) else 0  # a long training a replicate, for all arms
    costed = [replace(c, share=c.share + base) for c in found.candidates]
    return [Row(data, recipe, shape(c.fidelity, long), c, data if c.correction else "") for c in costed]


def _of_base(table: Table) -> tuple[str, ...]:
    has = all("affinity" in m for m, f in zip(table.metrics, table.fidelity, strict=True) if f == 0)
    return ("affinity", "-density_loss", "augmented_train_loss", "affinity+0.1*augmented_train_loss") if has else ()


def _told(number: Estimated, digits: int = 4) -> str:
    if math.isnan(number.value):
        return "–"
    return f"{number.value:.{digits}f} [{number.low:.{digits}f}, {number.high:.{digits}f}]"


def markdown(analyses: dict[str, Analysis], rows: list[Row]) -> str:
    """A table a data set, cheapest pulls first."""
    out = []
    for data, found in analyses.items():
        out += [f"## {data}: long training {found.long}, {len(found.arms)} arms", ""]
        out += [
            f"Truth against itself: {found.truth.reliability:.2f} (split halves, Spearman–Brown); regret of a pick by "
            f"long training itself {_told(found.long_regret)}; deviation of one long training "
            f"{found.truth.deviation:.4f}.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            f"|{' - |' * len(COLUMNS)}",
        ]
        for row in rows:
            if row.data == data:
                c, p = row.found, row.found.proxy
                fitted = f" (fitted on {row.fitted_on})" if row.fitted_on else ""
                cells = [
                    row.recipe,
                    str(c.fidelity),
                    f"{c.share:.3f}",
                    f"`{Path(c.reward).name}`{fitted}",
                    _told(p.one),
                    _told(p.all),
                ]
                out.append(
                    "| " + " | ".join([*cells, str(p.replicates), _told(p.spearman, 2), _told(p.inside, 2)]) + " |"
                )
        out.append("")
    return "\n".join(out)


def picture(analyses: dict[str, Analysis], rows: list[Row], path: Path) -> None:
    """Cost against regret of a pick after one pull an arm, and against rank correlation, a row of panels a data set.

    Pulls that cost more than DEAREST are left to the tables.
    """
    figure = Figure(figsize=(15, 4.2 * len(analyses)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(analyses), 3, squeeze=False)
    shown = ("accuracy", "-loss", "accuracy-0.1*loss", "accuracy-0.1*accuracy_gap")
    marks = dict(zip(shown, "osD^", strict=True))
    for line, (data, found) in zip(panels, analyses.items(), strict=True):
        own = [r for r in rows if r.data == data and r.found.reward in shown and r.found.share < DEAREST]
        colours = {label: tab20(i) for i, label in enumerate(dict.fromkeys(map(_label, own)))}
        for row in own:
            _point(line, row, marks[row.found.reward], colours[_label(row)])
        pulls = [line[2].plot([], [], "s", color=colour, label=label)[0] for label, colour in colours.items()]
        line[2].legend(handles=pulls, fontsize=7, loc="upper left", bbox_to_anchor=(1.02, 1.0))
        line[0].axhspan(0, 0.003, color="tab:green", alpha=0.12)
        line[0].axvline(0.15, color="tab:gray", linestyle=":")
        line[0].set_ylabel(f"{data}\nregret of the pick, one pull an arm")
        line[1].set_ylabel("Spearman with long training, all arms")
        line[2].set_ylabel("Spearman inside families")
        line[1].axhline(math.sqrt(max(found.truth.reliability, 0)), color="tab:gray", linestyle=":")
        for panel in line:
            panel.set_xlabel("cost of a pull, share of a long training")
            panel.set_xlim(0, None)
    handles = [panels[0][0].plot([], [], m, color="black", label=name)[0] for name, m in marks.items()]
    panels[0][0].legend(handles=handles, fontsize=7)
    figure.savefig(path, dpi=110)


def _label(row: Row) -> str:
    return f"{row.found.fidelity}" + ("" if row.recipe == "one-cycle" else f" {row.recipe}")


def _point(line: np.ndarray, row: Row, mark: str, colour: Any) -> None:
    p = row.found.proxy
    for panel, number in zip(line, (p.one, p.spearman, p.inside), strict=True):
        error = [[max(number.value - number.low, 0)], [max(number.high - number.value, 0)]]
        panel.errorbar(row.found.share, number.value, yerr=error, fmt=mark, color=colour, markersize=5, elinewidth=0.5)


def numbers(row: Row) -> dict[str, object]:
    """A row for proxies.json."""
    p = row.found.proxy
    told = {name: vars(getattr(p, name)) for name in ("one", "all", "spearman", "inside")}
    first = {"data": row.data, "recipe": row.recipe, "fidelity": str(row.found.fidelity), "share": row.found.share}
    return {
        **first,
        "reward": Path(row.found.reward).name,
        "fitted_on": row.fitted_on,
        "replicates": p.replicates,
        "observed": p.observed,
        **told,
    }


def main(specs: list[str]) -> None:
    analyses, rows, paths = {}, [], {}
    for spec in specs:
        data, _, files = spec.partition("=")
        paths[data], *others = files.split("+")
        analyses[data], found = judged(data, paths[data])
        rows += found + [row for path in others for row in further(data, path)]
    plain = [row for row in rows if row.recipe == "one-cycle"]
    rows += [row for data, path in paths.items() for row in transferred(data, path, plain)]
    rows.sort(key=lambda row: (row.data, row.found.share, row.recipe, row.found.reward))
    (HERE / "proxies.json").write_text(json.dumps([numbers(row) for row in rows], indent=1) + "\n")
    (HERE / "proxies.md").write_text(markdown(analyses, rows))
    picture(analyses, rows, HERE / "proxies.png")


if __name__ == "__main__":
    main(sys.argv[1:])
