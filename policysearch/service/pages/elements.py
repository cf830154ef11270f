"""HTML by construction: text is escaped unless it is already `Html`, in elements as in attributes."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
"""Characters that turn the direction of what follows them, so that a name could disguise the text around it."""
_VOID = frozenset({"br", "input", "img", "meta", "link", "hr"})
Attribute = str | int | float | bool | None


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: Attribute) -> Html:
    """An element.

    Args:
        name: of the element.
        children: `Html` goes in as it is, any other text is escaped, None is left out.
        attributes: a trailing underscore is dropped (`class_`, `for_`) and others become hyphens (`aria_label`); True
            is an attribute without a value, False and None are none.

    Example:
        >>> tag("a", "<b>", href='?q="')
        '<a href="?q=&quot;">&lt;b&gt;</a>'
        >>> tag("p", tag("strong", "1 & 2"), " pulls", class_="note", hidden=True)
        '<p class="note" hidden><strong>1 &amp; 2</strong> pulls</p>'
    """
    opening = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Html(opening)
    return Html(f"{opening}{joined(children)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escaped(str(value))}"'


def joined(children: Iterable[str | None]) -> Html:
    """Parts one after the other, text among them escaped."""
    parts = (child for child in children if child is not None)
    return Html("".join(child if isinstance(child, Html) else escaped(child) for child in parts))


def escaped(text: str) -> str:
    """Text for HTML; marks that turn its direction are shown as �.

    Example:
        >>> escaped("<b> & \u202e")
        '&lt;b&gt; &amp; �'
    """
    return escape(text.translate(_TURNING))
