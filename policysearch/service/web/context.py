"""What requests may name, for whoever sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from policysearch.service.database.viewer import Viewer
from policysearch.service.requests import Refused, RequestContext
from policysearch.service.web.problem import Problem
from policysearch.service.web.state import ServiceState


def context_of(service: ServiceState, viewer: Viewer) -> RequestContext:
    """What a request of somebody may name, and how much it may ask for."""
    return RequestContext(
        viewer=viewer,
        data=service.data_sets,
        jobs=service.jobs,
        folder=service.folder,
        plugins=service.options.plugins,
        places=[use.place for use in service.scheduler.usage()],
        limits=service.limits,
    )


@contextmanager
def refusals_as_problems() -> Iterator[None]:
    """A request that is refused is answered with the sentence of each field.

    Raises:
        Problem: 422.
    """
    try:
        yield
    except Refused as error:
        raise Problem(422, "refused", str(error), error.fields) from None
