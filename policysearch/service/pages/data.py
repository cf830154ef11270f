"""Data sets: those that there are, and the upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.shell import Shell, live, needs_script, page, section
from policysearch.service.pages.words import moment, size

_SURE = "Delete this data set? This cannot be undone."


def data_page(shell: Shell, sets: Sequence[Mapping[str, Any]], most: int) -> str:
    """The whole page.

    Args:
        shell: around it.
        sets: rows as `GET /api/v1/data` gives them.
        most: bytes of one upload.
    """
    return page(shell, "Data", tag("h1", "Data"), data_parts(shell, sets), _upload(most))


def data_parts(shell: Shell, sets: Sequence[Mapping[str, Any]]) -> Html:
    """The list, which changes while an upload is checked."""
    if not sets:
        return live("data", tag("p", "There are no data sets besides those that are shipped.", class_="empty"))
    return live("data", tag("ul", *(_row(shell, row) for row in sets), class_="data-sets"))


def _row(shell: Shell, row: Mapping[str, Any]) -> Html:
    name = str(row.get("name", ""))
    state = str(row.get("state") or "ready")
    reason = str(row.get("reason") or "")
    identity = row.get("id")
    use = tag("a", "Search on it", href=shell.path(f"new?data={identity or name}"), class_="button quiet")
    delete = tag(
        "button",
        "Delete",
        type="button",
        data_send=f"DELETE api/v1/data/{identity}",
        data_confirm=_SURE,
        data_then="refresh",
        class_="danger",
    )
    return tag(
        "li",
        tag("div", tag("bdi", tag("strong", name)), " ", tag("span", state, class_=f"badge {state}")),
        tag("p", reason, class_="error") if reason else None,
        tag("p", _facts(row), class_="note"),
        _classes(row.get("classes")),
        tag("div", use if state == "ready" else None, delete if row.get("deletable") else None, class_="actions"),
        data_busy=state == "checking",
    )


def _classes(names: Any) -> Html | None:
    if not isinstance(names, list) or not names:
        return None
    rest = f" and {len(names) - 12} more" if len(names) > 12 else ""
    parts = [part for name in names[:12] for part in (tag("bdi", str(name)), ", ")][:-1]
    return tag("p", "Classes: ", *parts, rest, class_="note classes")


def _facts(row: Mapping[str, Any]) -> Html:
    facts = [str(row[key]) for key in ("facts",) if row.get(key)]
    if isinstance(row.get("bytes"), int):
        facts.append(size(row["bytes"]))
    text = " · ".join([*facts, str(row.get("source") or "")]).strip(" ·")
    created = row.get("created")
    return tag("span", text, " · " if text and created else None, moment(created) if created else None)


def _upload(most: int) -> Html:
    kinds = ".zip,.npz,.parquet"
    form = tag(
        "form",
        tag("p", f"A zip with a folder per class, an .npz or a Parquet file, at most {size(most)}.", class_="help"),
        tag(
            "div",
            tag("label", "File", for_="upload-file"),
            tag("input", type="file", id="upload-file", name="file", accept=kinds, required=True),
            class_="field",
        ),
        tag(
            "div",
            tag("label", "Name", for_="upload-name"),
            tag("input", id="upload-name", name="name", maxlength=200, required=True, autocomplete="off"),
            tag("p", class_="error", data_error="name", hidden=True),
            class_="field",
        ),
        tag("progress", id="upload-progress", max=100, value=0, hidden=True, aria_label="sent so far"),
        tag("p", class_="error", role="alert", data_error="", hidden=True),
        tag("button", "Upload", class_="primary"),
        needs_script("Uploading"),
        id="upload",
        class_="card narrow",
    )
    return section("Upload", form, name="upload-section")
