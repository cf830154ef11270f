"""A client of the service, for programs and for `policysearch remote`; it needs nothing but Python itself."""

from policysearch.client.data_set import DataSet
from policysearch.client.errors import (
    JobFailed,
    JobRefused,
    NoAccess,
    NotThere,
    Refused,
    ServiceAway,
    ServiceFailed,
    TooMany,
    WaitedTooLong,
    WrongState,
)
from policysearch.client.event_stream import Event
from policysearch.client.job import Job
from policysearch.client.service import Service

__all__ = [
    "DataSet",
    "Event",
    "Job",
    "JobFailed",
    "JobRefused",
    "NoAccess",
    "NotThere",
    "Refused",
    "Service",
    "ServiceAway",
    "ServiceFailed",
    "TooMany",
    "WaitedTooLong",
    "WrongState",
]
