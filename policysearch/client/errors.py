"""What a service said when it did not do what it was asked for, as errors with its own sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policysearch.core.errors import RunFailed, UserError


class Refused(UserError):
    """The service does not take a request.

    Attributes:
        fields: sentences by field of the request.
    """

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class NoAccess(UserError):
    """No token, one that is not valid any more, or one that may not do that."""


class NotThere(UserError):
    """There is no such job, data set or file, or none that one may see."""


class WrongState(UserError):
    """It makes no sense in the state of the job or data set.

    Attributes:
        state: the state.
    """

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


class JobRefused(UserError):
    """The settings of a job were refused when they were tried.

    Attributes:
        field: the setting; may be empty.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class JobFailed(RunFailed):
    """A job ended without a result.

    Attributes:
        state: "failed", "interrupted" or "deleting".
    """

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


class ServiceAway(RunFailed):
    """The service cannot be reached, or does not answer for a while; what it has is not lost."""


class ServiceFailed(RunFailed):
    """The service failed at a request, or answered what is no answer of this program's service."""


class TooMany(RunFailed):
    """More requests, jobs or streams than allowed.

    Attributes:
        seconds: after which to try again.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class WaitedTooLong(RunFailed, TimeoutError):
    """A job did not rest in the time that was given; it goes on."""


def error_of(status: int, content: Mapping[str, Any], retry_after: str) -> Exception:
    """The error for an answer of the service.

    Args:
        status: of HTTP, 400 or more.
        content: of the problem; empty where the answer was none.
        retry_after: of the header, in seconds; may be empty.
    """
    message = str(content.get("message") or f"the server answered {status}")
    fields = content.get("fields")
    if status in (401, 403):
        return NoAccess(message)
    if status == 404:
        return NotThere(message)
    if status == 409:
        return WrongState(message, str(content.get("state", "")))
    if status == 429:
        return TooMany(message, float(retry_after) if retry_after.isdecimal() else 1.0)
    if status in (502, 503, 504):
        return ServiceAway(message)
    if status >= 500:
        return ServiceFailed(message)
    return Refused(message, fields if isinstance(fields, dict) else {})
