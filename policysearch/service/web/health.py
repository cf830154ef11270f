"""Whether the server is there."""

from __future__ import annotations

from fastapi import APIRouter

from policysearch.core.version import __version__

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The version; the one answer about the server that needs no token."""
    return {"version": __version__}
