"""What Griffe is told: an `Example:` of ours is what it calls `Examples:`, a doctest and not a note."""

from __future__ import annotations

import griffe


class Doctests(griffe.Extension):
    """Read the section `Example:` as the section `Examples:`."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the title, in every docstring that has one."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
