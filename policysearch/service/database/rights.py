"""Who may see and change what has an owner: the one rule of jobs and data sets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Table, or_

from policysearch.service.database.viewer import Viewer


def may(viewer: Viewer | None, owner: str, *, shared: bool, to_change: bool) -> bool:
    """Whether a viewer may see a thing, or change it: shared things are seen by all, and changed by their owner alone.

    Args:
        viewer: who looks; None is the service itself, which may do everything, as admins may.
        owner: name of the thing's owner.
        shared: whether its owner shares it.
        to_change: whether it is to be changed.
    """
    if viewer is None or viewer.is_admin or owner == viewer.name:
        return True
    return shared and not to_change


def visible(query: Select[Any], table: Table, viewer: Viewer | None) -> Select[Any]:
    """The query for those rows of a table with the columns `owner` and `shared` that the viewer may see."""
    if viewer is None or viewer.is_admin:
        return query
    return query.where(or_(table.c.owner == viewer.name, table.c.shared))
