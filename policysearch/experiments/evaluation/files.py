"""The files of an evaluation: evaluation.json, evaluation.md and evaluation.png."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.child.network_names import network_title
from policysearch.core.errors import UserError, in_one_line
from policysearch.core.files import read_json, write_whole
from policysearch.core.jsonable import plain
from policysearch.core.tasks import CLASSIFICATION
from policysearch.experiments.evaluation.equal_cost import EqualCost
from policysearch.experiments.evaluation.ledger import NAME, Looks
from policysearch.experiments.evaluation.metrics import ACCURACY, ERROR, Measured, metrics_of
from policysearch.experiments.evaluation.plot import write_plot
from policysearch.experiments.evaluation.settings import FREE, GRID
from policysearch.experiments.evaluation.statistics import metric_result
from policysearch.experiments.evaluation.summary import Summary, null_check
from policysearch.experiments.evaluation.text import NOTES, grids
from policysearch.experiments.evaluation.validation_choice import ValidationChoice
from policysearch.experiments.evaluation.verdict import ONE_SIDED, FalseClaims, judge_policy
from policysearch.reports.markdown import escaped, section
from policysearch.stats.arrays import Floats
from policysearch.stats.class_effects import IMAGES, ClassShares
from policysearch.stats.paired import fields_of

SCHEMA = "policysearch.evaluation/1"
"""Changes when a key is removed or changes its meaning, not when one is added."""
_CHOICES = {GRID: "grid", FREE: "free"}
"""The keys of what was chosen on validation, by the name that asked for it."""
FILES = ("evaluation.html", "evaluation.md", "evaluation.json", "evaluation.png", "trials.csv", NAME)


def write_evaluation(summary: Summary, folder: Path) -> None:
    """Write the three files; an old one is replaced when the new one is whole."""
    text = json.dumps(as_json(summary), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "evaluation.json", text + "\n")
    write_whole(folder / "evaluation.md", _page(summary) + "\n")
    write_plot(summary, folder / "evaluation.png")


def as_json(summary: Summary) -> dict[str, Any]:
    """Keys, always in this order.

    schema, sentence, verdict, looks (number, total), about (as given), references (what differences are to), policies
    (the evaluated one first), metrics by name, each: title, meaning, better (-1: less is), scores, searched (the
    evaluated policy's paired differences to the references), fixed (the others'), values (a list a policy, a number a
    replicate); cautions; null_check; grid, free: what was chosen on validation; equal_cost; classes: names, images of
    each (or pixels, which `unit` says), shares by policy (a list a replicate, a number a class) and harmed, the names
    of the classes that the policy harms. Fractions are fractions, not percent; null is not known.
    """
    metrics = {
        name: {
            "title": summary.titles[name].title,
            "meaning": summary.titles[name].meaning,
            "better": summary.titles[name].better,
            "scores": plain(result.scores),
            "searched": [fields_of(pair, "policy") for pair in result.searched],
            "fixed": [fields_of(pair, "policy") for pair in result.fixed],
            "values": plain(summary.measured.values[name]),
        }
        for name, result in summary.metrics.items()
    }
    return {
        "schema": SCHEMA,
        "sentence": summary.sentence,
        "verdict": plain(summary.verdict),
        "looks": plain(summary.looks),
        "about": plain(summary.about),
        "references": plain(summary.references),
        "policies": plain(summary.measured.names),
        "metrics": metrics,
        "cautions": plain(summary.cautions),
        "null_check": plain(summary.null),
        **{key: plain(summary.choices.get(title)) for title, key in _CHOICES.items()},
        "equal_cost": plain(summary.equal),
        "classes": _classes_as_json(summary),
    }


def _classes_as_json(summary: Summary) -> dict[str, Any] | None:
    classes, effects = summary.classes, summary.by_class
    if classes is None or effects is None:
        return None
    harmed = [effect.name for effect in effects.harmed]
    return {
        "names": plain(classes.names),
        "images": plain(classes.images),
        "shares": plain(classes.shares),
        "harmed": harmed,
        "unit": classes.unit,
    }


def conditions_in_words(summary: Summary) -> str:
    """The data, the network, the trainings and their cost."""
    about = summary.about
    network = network_title(about["model"], about.get("weights"))
    judged = f"{about['test_images']:,} test images" if about["test_images"] else "its own test images"
    return (
        f"{about['data']}, {network}, {about['images']:,} training images × {about['epochs']} epochs, "
        f"{about['seeds']} seeds, {judged}; {about['worker_seconds']:,.0f} worker-seconds."
    )


def _page(summary: Summary) -> str:
    about = summary.about
    parts = [f"# {escaped(summary.measured.searched)}", f"**{escaped(summary.sentence)}.**"]
    parts += [escaped(f"{summary.looks.words} {conditions_in_words(summary)}")]
    parts += ["![occlusion and paired differences](evaluation.png)", *map(section, grids(summary))]
    parts += ["\n".join(f"- {escaped(sentence)}." for sentence in (*NOTES, *summary.cautions))]
    parts += [checked_in_words(summary.null)] if summary.null else []
    return "\n\n".join([*parts, f"    {about['command']}"] if about["command"] else parts)


def checked_in_words(null: FalseClaims) -> str:
    """How often the verdict errs where there is nothing to find."""
    return (
        f"Null check: dealt to the names at random, {null.deals} times, these networks make the verdict say *beats* in "
        f"{100 * null.better:.1f} % and *is worse* in {100 * null.worse:.1f} %; a good test says each in at most "
        f"{100 * ONE_SIDED:.1f} %, up to {100 * null.most:.1f} % by the luck of so many deals."
    )


_FILE = "evaluation.json"


def read_evaluation(folder: str | Path) -> Summary:
    """The results of an evaluation, from its evaluation.json; the statistics are computed again.

    Raises:
        UserError: the evaluation is not finished, or the file is damaged or of another version.
    """
    path = Path(folder) / _FILE
    if not path.exists():
        raise UserError(f"{folder} holds an evaluation that has not ended (no {_FILE}): the same command continues it")
    document = read_json(path, SCHEMA)
    try:
        return _summary(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {in_one_line(error)}") from None


def _summary(document: Mapping[str, Any]) -> Summary:
    measured, against = _measured(document), tuple(document["references"])
    null = document["null_check"]
    written = {title: document.get(key) for title, key in _CHOICES.items()}  # files of earlier versions lack "free"
    choices = {title: ValidationChoice.from_json(fields) for title, fields in written.items() if fields}
    equal = document.get("equal_cost")  # files of earlier versions lack it
    _ = document["verdict"]["sentence"]  # the verdict is computed again, but a file without it is damaged
    return Summary(
        measured,
        against,
        {name: metric_result(measured, name, against) for name in measured.values},
        judge_policy(measured),
        Looks(**document["looks"]),
        null_check(measured) if null else None,
        choices,
        tuple(document["cautions"]),
        document["about"],
        EqualCost.from_json(equal) if equal else None,
        _classes(document.get("classes"), measured.searched),
    )


def _classes(document: Mapping[str, Any] | None, searched: str) -> ClassShares | None:
    """The classes of a file; those of earlier versions have none."""
    if document is None:
        return None
    names, images = tuple(document["names"]), np.asarray(document["images"], dtype=np.float64)
    shares = {name: _array(rows) for name, rows in document["shares"].items()}
    shape = (len(shares[searched]), len(images))
    if len(names) != len(images) or any(values.shape != shape for values in shares.values()):
        raise ValueError("its classes are of different numbers")
    return ClassShares(shares, images, names, document.get("unit", IMAGES))  # files of earlier versions lack it


def _measured(document: Mapping[str, Any]) -> Measured:
    names = tuple(document["policies"])
    task = document["about"].get("task", CLASSIFICATION)
    metrics = metrics_of(task)
    stored = {name: _array(entry["values"]) for name, entry in document["metrics"].items() if name in metrics}

    # Files of earlier versions lack metrics that came later.
    shape = stored[ERROR].shape
    values = {name: stored.get(name, np.full(shape, np.nan)) for name in metrics}
    values[ACCURACY] = stored.get(ACCURACY, 1 - stored[ERROR])
    if any(value.shape != (len(names), shape[1]) for value in values.values()):
        raise ValueError("its metrics are of different sizes")
    fixed = tuple(name for name in names if document["about"]["policies"][name]["fixed"])
    return Measured(names, fixed, values, int(document["about"]["test_images"]), task)


def _array(rows: list[list[float | None]]) -> Floats:
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64)
