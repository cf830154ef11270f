"""calibration.toml: the pull and the reward that a calibration recommends to searches."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.policy.validation import validation_message
from policysearch.study.rewards import must_be_a_reward

NAME = "calibration.toml"
SCHEMA = 1


class Measured(BaseModel):
    """The measurements behind the recommendation; regrets are in accuracy, of picks among these arms.

    Attributes:
        regret, regret_low, regret_high: expected, of a pick by `pulls` pulls per arm, and its 95 % interval.
        regret_after_one_pull: the same for one pull per arm.
        long_regret: the same for picks by long training.
        spearman, spearman_low, spearman_high: of the arms' means with long training.
        cost_share: seconds of a pull over those of a long training.
        within_tolerance: whether the expected regret is at most `tolerance` above the least that was found.
        reliability: rank correlation of long training with itself; None if unknown.
        misleading: the pulls that should not be used, and why.
    """

    model_config = ConfigDict(frozen=True)

    sentence: str
    regret: float
    regret_low: float
    regret_high: float
    regret_after_one_pull: float
    pulls: int
    tolerance: float
    within_tolerance: bool
    spearman: float | None = None
    spearman_low: float | None = None
    spearman_high: float | None = None
    cost_share: float
    long: str
    long_regret: float
    reliability: float | None = None
    arms: int
    misleading: tuple[str, ...] = ()
    data: str
    digest: str
    model: str
    space: str


class CalibrationFile(BaseModel):
    """The pull and the reward to search with, and what they were measured on."""

    model_config = ConfigDict(frozen=True)

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    images: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    reward: str
    measured: Measured

    def save(self, path: Path) -> None:
        """Write it as TOML; an old file is replaced when the new one is whole."""
        write_whole(path, tomli_w.dumps(self.model_dump(by_alias=True, exclude_none=True)))


def _must_recommend(file: Path) -> None:
    """Check that a finished calibration recommends something."""
    # Without a recommendation calibration.json is written, and no calibration.toml.
    report = file.with_suffix(".json")
    if file.exists() or not report.exists():
        return
    try:
        sentence = str(json.loads(report.read_text(encoding="utf-8"))["sentence"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    raise UserError(f"the calibration in {file.parent} recommends nothing. {sentence}")


def load_calibration(path: str | Path) -> CalibrationFile:
    """Read calibration.toml, or that of a folder.

    Raises:
        UserError: no such file, no calibration, a damaged one, or one of another schema version.
    """
    file = Path(path) / NAME if Path(path).is_dir() else Path(path)
    _must_recommend(file)
    again = "give the folder of `policysearch calibrate`, or calibrate again"
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read calibration {str(file)!r}: {reason}: {again}") from None
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits, and lists nested without end
        raise UserError(f"calibration {str(file)!r} is damaged, no TOML: {error}; {again}") from None
    if "schema" not in values:
        raise UserError(f"{str(file)!r} is no calibration: it has no schema version; {again}")
    if values["schema"] != SCHEMA:
        raise UserError(
            f"calibration {str(file)!r} has schema version {values['schema']!r}, this program reads {SCHEMA}: "
            "use the version that wrote it, or calibrate again"
        )
    try:
        calibration = CalibrationFile.model_validate(values)
        must_be_a_reward(calibration.reward, base=True)
    except ValidationError as error:
        raise UserError(f"calibration {str(file)!r} is damaged: {validation_message(error)}; {again}") from None
    except UserError as error:
        raise UserError(f"calibration {str(file)!r} is damaged: {error}; {again}") from None
    return calibration
