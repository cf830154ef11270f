"""Groups of settings: frozen values whose fields say what a run does with them."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Mark(Enum):
    """What is done with a setting besides being read; fields carry marks in their annotation, behind `Field(...)`.

    Attributes:
        FIXED: results depend on it, so it is recorded when a run begins and must be the same when it continues.
        FIXED_IF_USED: the same, but only for strategies that use it.
        REPORTED: tables say what it was, though nothing is refused when it changes.
    """

    FIXED = "fixed"
    FIXED_IF_USED = "fixed if used"
    REPORTED = "reported"


class Settings(BaseModel):
    """A group of settings: frozen, and refusing keys that it does not know.

    Groups are combined by inheritance, so the combination is as flat as a config file, and it can be passed wherever
    one of its groups is asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def setting_names(cls, *marks: Mark) -> tuple[str, ...]:
        """Names of the settings that carry one of these marks, or of all settings where no mark is given."""
        fields = cls.model_fields.items()
        return tuple(name for name, field in fields if not marks or not {*marks}.isdisjoint(_marks(field.metadata)))

    def setting_values(self, *marks: Mark) -> dict[str, Any]:
        """The settings with these marks, or all of them, and their values as they are."""
        return {name: getattr(self, name) for name in type(self).setting_names(*marks)}


def _marks(metadata: list[Any]) -> set[Mark]:
    return {item for item in metadata if isinstance(item, Mark)}


def settings_of(config: Any, *names: str) -> dict[str, Any]:
    """These settings by name, for what a report says of an experiment."""
    return {name: getattr(config, name) for name in names}
