"""Times, counts and states as people say them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from policysearch.service.pages.elements import Html, tag

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_NONE = "–"
STATE_NOTES = {
    "checking": "Its settings and data are being checked.",
    "refused": "It cannot run as it was asked for.",
    "queued": "It waits for its workers.",
    "starting": "Its process is being started.",
    "running": "",
    "stopping": "The pulls at work are finished first; no new one begins.",
    "stopped": "It rests. Nothing is lost: resume goes on where it stopped.",
    "cancelling": "Its process is being ended.",
    "cancelled": "It was cancelled. What had ended is kept, and resume goes on from there.",
    "interrupted": "Its process went away, as in a power cut. No pull that had ended is lost.",
    "failed": "It ended with an error. What had ended is kept.",
    "done": "",
    "deleting": "It is being deleted.",
}
"""What each state means, where the job gives no reason of its own."""


def span(seconds: float | None) -> str:
    """A duration in at most two units.

    Example:
        >>> [span(value) for value in (0.4, 75, 5400, 200000)]
        ['1 s', '1 min 15 s', '1 h 30 min', '2 d 7 h']
    """
    if seconds is None or not math.isfinite(seconds):
        return _NONE
    whole = max(1, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(seconds, large)
    second = rest // small
    return f"{first} {large_name} {second} {small_name}" if second else f"{first} {large_name}"


def left(seconds: float | None) -> str:
    """What is left, rounded, for it is an estimate: `about 4 min left`."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 50:
        return "less than a minute left"
    minutes = max(1, round(seconds / _MINUTE))
    return f"about {span(minutes * _MINUTE)} left"


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 pull`, `1,200 pulls`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def size(octets: int) -> str:
    """`14 kB`; a kB is 1,000 bytes."""
    if octets < 1000:
        return f"{octets} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        value = octets / factor
        if value < 999.5 or unit == "GB":
            break
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def moment(seconds: float | None) -> Html:
    """A time of the clock, in UTC; the script writes it in the reader's zone."""
    if seconds is None:
        return Html(_NONE)
    then = datetime.fromtimestamp(seconds, UTC)
    return tag("time", f"{then:%Y-%m-%d %H:%M} UTC", datetime=f"{then:%Y-%m-%dT%H:%M:%SZ}")


def clock(seconds: float) -> Html:
    """A time of the day in UTC; the script writes it in the reader's zone."""
    then = datetime.fromtimestamp(seconds, UTC)
    return tag("time", f"{then:%H:%M:%S}", datetime=f"{then:%Y-%m-%dT%H:%M:%SZ}", data_clock=True)
