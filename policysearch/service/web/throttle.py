"""How often one may ask: a bucket of tokens per key (token bucket, as in leaky-bucket shaping)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import ceil

from policysearch.service.web.problem import Problem

_MANY = 10_000
"""As many keys are kept; then those whose bucket is full again are forgotten."""


class Throttle:
    """Allows `burst` requests at once and `rate` per second in the long run, for each key apart.

    Args:
        rate: requests per second.
        burst: requests at once.
        sentence: what is answered above it.
        clock: seconds that never go back.
    """

    def __init__(self, rate: float, burst: int, sentence: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._sentence = sentence
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Count one request.

        Raises:
            Problem: 429, with the seconds to wait in `Retry-After`.
        """
        with self._lock:
            now = self._clock()
            level = self._level(key, now)
            if level >= 1:
                self._buckets[key] = (level - 1, now)
            if len(self._buckets) > _MANY:
                self._forget(now)
        if level < 1:
            wait = (1 - level) / self._rate
            raise Problem(429, "too_many_requests", self._sentence, headers={"Retry-After": str(ceil(wait))})

    def _level(self, key: str, now: float) -> float:
        level, since = self._buckets.get(key, (float(self._burst), now))
        return min(float(self._burst), level + (now - since) * self._rate)

    def _forget(self, now: float) -> None:
        full = [key for key in self._buckets if self._level(key, now) >= self._burst]
        for key in full:
            del self._buckets[key]
