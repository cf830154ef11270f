"""Frozen values that may grow by fields."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_serializer


class Frozen(BaseModel):
    """A frozen value that refuses keys it does not know.

    Fields in `later` came after values of its kind were first written: at their default they are not written, so that
    a value without them keeps its hash, and compares equal to what was recorded of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: Any) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unset = [n for n in self.later if getattr(self, n) == fields[n].get_default(call_default_factory=True)]
        return {name: value for name, value in data.items() if name not in unset}
