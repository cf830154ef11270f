"""A search with a calibration: the settings that it takes over, and where the calibration may not hold."""

from __future__ import annotations

import logging

from policysearch.core.user_code import absolute_function
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.calibration_file import CalibrationFile, load_calibration
from policysearch.experiments.search.known_pitfalls import hardly_confirmed, known_to_mislead
from policysearch.study.config import SearchConfig
from policysearch.study.further_strategies import strategy_caution

_log = logging.getLogger(__name__)

_TAKEN = tuple(name for name in CalibrationFile.model_fields if name in SearchConfig.model_fields)
"""Settings that a calibration recommends."""


def as_calibrated(config: SearchConfig) -> SearchConfig:
    """Take images, epochs and reward from the calibration of a config, where the config does not set them.

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
    """Warnings about the pulls of a search, a sentence each; no warning is no promise.

    Args:
        config: as `as_calibrated` returns it.
        dataset: the data of the search.
    """
    of_strategy = strategy_caution(config.strategy, config.trials)
    if config.calibrated is None:
        return [text for text in (known_to_mislead(config), hardly_confirmed(config), of_strategy) if text]
    calibration = load_calibration(config.calibrated)
    overridden = _overridden(config, calibration)
    sentences = [
        *overridden,
        known_to_mislead(config) if overridden else "",
        _distrusted(calibration),
        *_elsewhere(config, dataset, calibration),
        hardly_confirmed(config),
        of_strategy,
    ]
    return [sentence for sentence in sentences if sentence]


def _distrusted(calibration: CalibrationFile) -> str:
    """What the calibration itself says against its pull."""
    return "" if calibration.measured.within_tolerance else f"the calibration says: {calibration.measured.sentence}"


def _overridden(config: SearchConfig, calibration: CalibrationFile) -> list[str]:
    pairs = [(name, getattr(config, name), getattr(calibration, name)) for name in _TAKEN]
    return [
        f"{name} = {setting!r} was given and stands; the calibration says {recommended!r}"
        for name, setting, recommended in pairs
        if setting != recommended
    ]


def _elsewhere(config: SearchConfig, dataset: Dataset, calibration: CalibrationFile) -> list[str]:
    measured, sentences = calibration.measured, []
    if measured.digest != dataset.digest:
        sentences.append(
            f"the calibration was made on other data ({measured.data}) than {dataset.name}: its pulls may mislead here"
        )
    if measured.model != absolute_function(config.model):
        sentences.append(
            f"the calibration was made with another network ({measured.model}) than {config.model}: "
            "its pulls may mislead"
        )
    return sentences
