"""What a request may say: closed models, their checks, and the settings that a job is run with."""

from policysearch.service.requests.context import DataNames, OperatorData, RequestContext
from policysearch.service.requests.refusal import Refused
from policysearch.service.requests.schema import schema
from policysearch.service.requests.settings import settings_of, shared_settings
from policysearch.service.requests.validation import MODELS, request_of, validated, validated_changes

__all__ = [
    "MODELS",
    "DataNames",
    "OperatorData",
    "Refused",
    "RequestContext",
    "request_of",
    "schema",
    "settings_of",
    "shared_settings",
    "validated",
    "validated_changes",
]
