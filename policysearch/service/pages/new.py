"""The page on which a job is asked for: its settings, what it costs, and the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from policysearch.service.pages.elements import tag
from policysearch.service.pages.form import field_parts
from policysearch.service.pages.shell import Shell, needs_script, page

NOTHING: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType({})
KINDS: Mapping[str, tuple[str, str]] = {
    "search": ("New search", "Tries augmentation policies on your images and says whether one beats the free ones."),
    "calibrate": ("New calibration", "Measures which pull can be trusted on your images; a search can take it up."),
    "evaluate": ("New evaluation", "Judges a policy on test images, which no search reads."),
}
"""What each kind of job is called on its page, and what it does."""


def new_page(
    shell: Shell,
    kind: str,
    schema: Mapping[str, Any],
    values: Mapping[str, str],
    offers: Mapping[str, Sequence[tuple[str, str]]] = NOTHING,
) -> str:
    """The whole page.

    Args:
        shell: around it.
        kind: of job.
        schema: of its request.
        values: what fields hold at first, by path.
        offers: the only values of a field, each with what people read, by path.
    """
    title, about = KINDS[kind]
    kinds = (
        tag("a", name, href=shell.path(f"new?kind={other}"), aria_current="true" if other == kind else None)
        for other, (name, _) in KINDS.items()
    )
    buttons = tag(
        "div",
        tag("button", "What will it cost?", type="submit", class_="quiet", id="check"),
        tag("button", "Start", type="button", class_="primary", id="start", disabled=True),
        class_="actions",
    )
    form = tag(
        "form",
        *field_parts(kind, schema, values, offers),
        tag("p", class_="error", role="alert", data_error="", hidden=True),
        tag("output", "The settings are checked and the costs estimated before it can start.", id="cost"),
        buttons,
        needs_script("Starting a job"),
        id="new",
        data_kind=kind,
        novalidate=True,
        autocomplete="off",
    )
    links = tag("nav", *kinds, aria_label="Kinds of job", class_="filters")
    return page(shell, title, tag("h1", title), links, tag("p", about, class_="note"), form)
