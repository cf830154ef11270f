"""What a request for a calibration may say."""

from __future__ import annotations

from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.service.request_models.taken import closed_model
from policysearch.study.settings import SpaceSettings

CalibrateRequest = closed_model("CalibrateRequest", "calibrate", CalibrateSettings, SpaceSettings)
"""The settings of `policysearch calibrate`, without those that the server sets."""
