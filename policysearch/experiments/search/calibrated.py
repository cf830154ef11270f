"""A search that has been calibrated: what it takes over, and where the calibration may not hold."""

from __future__ import annotations

import logging

from policysearch.core.user_code import absolute_function
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.calibration_file import CalibrationFile, load_calibration
from policysearch.experiments.search.known_pitfalls import hardly_confirmed, known_to_mislead
from policysearch.study.config import SearchConfig

_log = logging.getLogger(__name__)

_TAKEN = tuple(name for name in CalibrationFile.model_fields if name in SearchConfig.model_fields)
"""Settings that a calibration recommends."""


def as_calibrated(config: SearchConfig) -> SearchConfig:
    """The config with the images, epochs and reward of its calibration, if it names one, where they were not given.

    Raises:
        UserError: the calibration cannot be read.
    """
    if config.calibrated is None:
        return config
    calibration = load_calibration(config.calibrated)
    taken = {name: getattr(calibration, name) for name in _TAKEN if name not in config.model_fields_set}
    settings = ", ".join(f"{name} = {value}" for name, value in taken.items())
    _log.info("calibration %s: %s", config.calibrated, settings or "nothing, as all was given")
    return config.model_copy(update=taken)


def cautions(config: SearchConfig, dataset: Dataset) -> list[str]:
    """What a search should be told of its pulls before it begins, a sentence each; none is no promise.

    Args:
        config: of `as_calibrated`.
        dataset: that is searched on.
    """
    if config.calibrated is None:
        return [text for text in (known_to_mislead(config), hardly_confirmed(config)) if text]
    calibration = load_calibration(config.calibrated)
    overridden = _overridden(config, calibration)
    found = [*overridden, known_to_mislead(config) if overridden else "", _distrusted(calibration)]
    found += [*_elsewhere(config, dataset, calibration), hardly_confirmed(config)]
    return [text for text in found if text]


def _distrusted(calibration: CalibrationFile) -> str:
    """What the calibration itself says against its pull."""
    return "" if calibration.measured.within_tolerance else f"the calibration says: {calibration.measured.sentence}"


def _overridden(config: SearchConfig, calibration: CalibrationFile) -> list[str]:
    pairs = [(name, getattr(config, name), getattr(calibration, name)) for name in _TAKEN]
    return [
        f"{name} = {given!r} was given and stands; the calibration says {found!r}"
        for name, given, found in pairs
        if given != found
    ]


def _elsewhere(config: SearchConfig, dataset: Dataset, calibration: CalibrationFile) -> list[str]:
    made, out = calibration.measured, []
    if made.digest != dataset.digest:
        out.append(
            f"the calibration was made on other data ({made.data}) than {dataset.name}: its pulls may mislead here"
        )
    if made.model != absolute_function(config.model):
        out.append(
            f"the calibration was made with another network ({made.model}) than {config.model}: its pulls may mislead"
        )
    return out
