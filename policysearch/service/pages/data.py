"""Data sets: those that there are, and the upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.shell import Shell, live, needs_script, page, section
from policysearch.service.pages.words import count, moment, size

_SURE = "Delete this data set? This cannot be undone."
_KINDS = {"shipped": "shipped with policysearch", "operator": "set up by the operator"}
_MOST_CLASSES = 12


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
    return live("data", tag("ul", *(_row(shell, row) for row in sets), class_="data-sets"))


def _row(shell: Shell, row: Mapping[str, Any]) -> Html:
    name, identity, state = str(row["name"]), str(row["id"]), str(row["state"])
    use = tag("a", "Search on it", href=shell.path(f"new?data={identity}"), class_="button quiet")
    delete = tag(
        "button",
        "Delete",
        type="button",
        data_send=f"DELETE api/v1/data/{identity}",
        data_confirm=_SURE,
        data_then="refresh",
        class_="danger",
    )
    reason = row.get("reason")
    summary = row.get("summary") or {}
    return tag(
        "li",
        tag("div", tag("strong", tag("bdi", name)), " ", tag("span", state, class_=f"badge {state}")),
        tag("p", str(reason), class_="error") if reason else None,
        tag("p", *_facts(row, summary), class_="note"),
        _classes(summary.get("classes")),
        *(tag("p", str(text), class_="error") for text in summary.get("warnings") or ()),
        _sheet(shell, identity, name) if state == "ready" and row.get("kind") == "upload" else None,
        tag("div", use if state == "ready" else None, delete if row.get("mine") else None, class_="actions"),
        data_busy=state == "checking",
        id=f"data-{identity}" if row.get("kind") == "upload" else None,
    )


def _facts(row: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str | None]:
    """How many images of which size, where they come from and since when."""
    parts = []
    if isinstance(summary.get("train"), int):
        parts.append(f"{count(summary['train'], 'training image')}, {count(summary.get('test', 0), 'test image')}")
    if summary.get("resize"):
        parts.append("of several sizes: a search must give a size to bring them to")
    elif summary.get("shape"):
        parts.append(" × ".join(str(side) for side in summary["shape"]))
    if isinstance(row.get("size"), int):
        parts.append(size(row["size"]))
    if row.get("kind") in _KINDS:
        parts.append(_KINDS[str(row["kind"])])
    created = row.get("created")
    return [" · ".join(parts), " · " if parts and created else None, moment(created) if created else None]


def _classes(names: Any) -> Html | None:
    if not isinstance(names, list) or not names:
        return None
    rest = f" and {len(names) - _MOST_CLASSES} more" if len(names) > _MOST_CLASSES else ""
    parts = [part for name in names[:_MOST_CLASSES] for part in (tag("bdi", str(name)), ", ")][:-1]
    return tag("p", f"{count(len(names), 'class', 'classes')}: ", *parts, rest, class_="note classes")


def _sheet(shell: Shell, identity: str, name: str) -> Html:
    picture = tag("img", src=shell.path(f"api/v1/data/{identity}/sheet.png"), alt=f"samples of {name}", loading="lazy")
    return tag("details", tag("summary", "Samples"), tag("figure", picture, class_="best"), id=f"sheet-{identity}")


def _upload(most: int) -> Html:
    kinds = ".zip,.npz,.parquet"
    form = tag(
        "form",
        tag("p", f"A zip with a folder per class, an .npz or a Parquet file, at most {size(most)}.", class_="help"),
        tag(
            "div",
            tag("label", "File", for_="upload-file"),
            tag("input", type="file", id="upload-file", name="file", accept=kinds, required=True),
            tag("p", class_="error", data_error="file", hidden=True),
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
        novalidate=True,
    )
    return section("Upload", form, name="upload-section")
