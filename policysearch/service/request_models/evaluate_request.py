"""What a request for an evaluation may say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.service.request_models.taken import closed_model

_Policy = Annotated[
    str, Field(description="what is judged on the test part: the id of a search that is done, or a preset")
]

EvaluateRequest = closed_model("EvaluateRequest", "evaluate", EvaluateSettings, policy=(_Policy, ...))
"""The settings of `policysearch evaluate`, without those that the server sets."""
