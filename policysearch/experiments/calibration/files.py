"""The files of a calibration."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from policysearch.core.files import write_whole
from policysearch.core.jsonable import plain
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.calibration.advice import Advice
from policysearch.experiments.calibration.analysis import Analysis, Candidate
from policysearch.experiments.calibration.plot import write_picture
from policysearch.experiments.calibration.text import NOTES, advice_in_words, misleading_in_words, reliability_in_words
from policysearch.experiments.calibration_file import NAME, CalibrationFile, Measured
from policysearch.study.config import SearchConfig

SCHEMA = "policysearch.calibration/1"
"""Changes when a key is removed or changes its meaning, not when one is added."""
TABLE = "table.parquet"
_FILES = ("calibration.json", "calibration.png", TABLE)


def files_of(advice: Advice) -> tuple[str, ...]:
    """The names of a calibration's files; calibration.toml is there only where a pull is recommended."""
    return (NAME, *_FILES) if advice.recommended else _FILES


def write_calibration(analysis: Analysis, advice: Advice, config: SearchConfig, dataset: Dataset, folder: Path) -> None:
    """Write calibration.json, .png and, where a pull is recommended, .toml; old ones are replaced or removed."""
    about = {"data": dataset.name, "digest": dataset.digest, "model": config.model, "space": config.space}
    text = json.dumps(as_json(analysis, advice, about), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "calibration.json", text + "\n")
    write_picture(analysis, advice, folder / "calibration.png")
    if advice.recommended is None:
        (folder / NAME).unlink(missing_ok=True)
    else:
        _file(analysis, advice, advice.recommended, about).save(folder / NAME)


def _file(analysis: Analysis, advice: Advice, chosen: Candidate, about: dict[str, str]) -> CalibrationFile:
    proxy = chosen.proxy
    rho = proxy.spearman
    measured = Measured(
        sentence=advice_in_words(analysis, advice),
        regret=_digits(proxy.all.value),
        regret_low=_digits(proxy.all.low),
        regret_high=_digits(proxy.all.high),
        regret_after_one_pull=_digits(proxy.one.value),
        pulls=proxy.replicates,
        tolerance=advice.tolerance,
        within_tolerance=advice.within,
        spearman=_none_for_nan(rho.value),
        spearman_low=_none_for_nan(rho.low),
        spearman_high=_none_for_nan(rho.high),
        cost_share=_digits(chosen.share),
        long=str(analysis.long),
        long_regret=_digits(analysis.long_regret.value),
        reliability=_none_for_nan(analysis.truth.reliability),
        arms=len(analysis.arms),
        misleading=tuple(misleading_in_words(pull) for pull in advice.misleading),
        **about,
    )
    fidelity = chosen.fidelity
    return CalibrationFile(images=fidelity.images, epochs=fidelity.epochs, reward=chosen.reward, measured=measured)


def _digits(value: float) -> float:
    return round(value, 6)


def _none_for_nan(value: float) -> float | None:
    return None if math.isnan(value) else _digits(value)


def as_json(analysis: Analysis, advice: Advice, about: dict[str, Any]) -> dict[str, Any]:
    """Keys, always in this order.

    schema, sentence, notes, about; chosen (fidelity, reward; null where none is recommended), within_tolerance,
    tolerance; long: fidelity, arms
    (indices in the table), means, replicates, deviation of one, reliability, regret of its own picks; candidates, each:
    fidelity, reward, fitted, weights, penalty, share, cost, pulls, pick (index among the arms), observed (regret by the
    measured means), regret_one, regret, spearman, inside; misleading, each: fidelity, reward, loss, sentence;
    left_out. Estimates are {value, low, high, error}; null is not known.
    """
    truth, best = analysis.truth, advice.recommended
    return {
        "schema": SCHEMA,
        "sentence": advice_in_words(analysis, advice),
        "notes": [*NOTES, reliability_in_words(analysis)],
        "about": about,
        "chosen": {"fidelity": str(best.fidelity), "reward": best.reward} if best else None,
        "within_tolerance": advice.within,
        "tolerance": advice.tolerance,
        "long": {
            "fidelity": str(analysis.long),
            "arms": list(analysis.arms),
            "means": plain(truth.means),
            "replicates": plain(truth.replicates),
            "deviation": plain(truth.deviation),
            "reliability": plain(truth.reliability),
            "regret": plain(asdict(analysis.long_regret)),
        },
        "candidates": [_candidate(candidate) for candidate in analysis.candidates],
        "misleading": [
            {
                "fidelity": str(pull.fidelity),
                "reward": pull.reward,
                "loss": plain(asdict(pull.loss)),
                "sentence": misleading_in_words(pull),
            }
            for pull in advice.misleading
        ],
        "left_out": [str(f) for f in analysis.left_out],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    fitted, proxy = candidate.correction, candidate.proxy
    return {
        "fidelity": str(candidate.fidelity),
        "reward": candidate.reward,
        "fitted": fitted is not None,
        "weights": fitted.weights if fitted else None,
        "penalty": fitted.penalty if fitted else None,
        "share": candidate.share,
        "cost": candidate.cost,
        "pulls": proxy.replicates,
        "pick": proxy.pick,
        "observed": proxy.observed,
        "regret_one": plain(asdict(proxy.one)),
        "regret": plain(asdict(proxy.all)),
        "spearman": plain(asdict(proxy.spearman)),
        "inside": plain(asdict(proxy.inside)),
    }
