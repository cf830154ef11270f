"""Which waiting job is started where: users who have used least come first, and the head of the line reserves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policysearch.service.job import Job
from policysearch.service.scheduler.places import Place, PlaceUse


@dataclass(frozen=True)
class Waiting:
    """A job that waits.

    Attributes:
        job: the job.
        position: in the line, from 1.
        sentence: what it waits for.
    """

    job: Job
    position: int
    sentence: str


@dataclass(frozen=True)
class Plan:
    """What to do with the jobs that wait.

    Attributes:
        starts: jobs to start now, each with its place.
        line: the jobs that go on waiting, in their order.
    """

    starts: tuple[tuple[Job, Place], ...]
    line: tuple[Waiting, ...]


def fair_order(queue: Iterable[Job], spent: Mapping[str, float], at_work: Mapping[str, int]) -> list[Job]:
    """The jobs in the order in which they are to be started.

    The next job is that of the user with the fewest worker-seconds; among equals of the one with the fewest workers at
    work, counting the jobs before it in this order; among equals the one whose next job is the oldest. Within a user
    jobs have their own order.

    Args:
        queue: the jobs.
        spent: worker-seconds of each user in the last 24 hours.
        at_work: workers that each user has now.
    """
    lines: dict[str, list[Job]] = defaultdict(list)
    for job in sorted(queue, key=lambda job: (job.order, job.id), reverse=True):
        lines[job.owner].append(job)

    workers = dict(at_work)
    ordered: list[Job] = []
    while lines:
        owner = min(lines, key=lambda user: (spent.get(user, 0.0), workers.get(user, 0), lines[user][-1].id))
        job = lines[owner].pop()
        workers[owner] = workers.get(owner, 0) + job.workers
        ordered.append(job)
        if not lines[owner]:
            del lines[owner]
    return ordered


def plan(order: Sequence[Job], uses: Sequence[PlaceUse], at_work: Mapping[str, int], most: int) -> Plan:
    """Decide which jobs start now.

    A job that finds no room keeps all places where it could run for itself: none behind it is started there. A job
    that could run nowhere, or whose owner has enough jobs at work, keeps nothing.

    Args:
        order: the jobs, first in line first.
        uses: the places, as they are used now.
        at_work: jobs that each user has at work.
        most: as many may a user have at work.
    """
    free = {use.place.name: use.free for use in uses}
    places = {use.place.name: use.place for use in uses}
    running = dict(at_work)
    reserved: set[str] = set()
    starts: list[tuple[Job, Place]] = []
    line: list[Waiting] = []
    for job in order:
        able, sentence = _able(job, uses)
        room = [name for name in able if name not in reserved and free[name] >= job.workers]
        if able and running.get(job.owner, 0) >= most:
            sentence = f"{job.owner} has {running[job.owner]} jobs at work, and {most} may be"
        elif room:
            place = places[room[0]]
            free[place.name] = 0 if place.jobs == 1 else free[place.name] - job.workers
            running[job.owner] = running.get(job.owner, 0) + 1
            starts.append((job, place))
            continue
        elif able:
            sentence = _wait(job, [use for use in uses if use.place.name in able], free)
            reserved.update(able)
        line.append(Waiting(job, len(line) + 1, _with_position(sentence, len(line))))
    return Plan(tuple(starts), tuple(line))


def _able(job: Job, uses: Sequence[PlaceUse]) -> tuple[list[str], str]:
    """The names of the places where a job could run if they were free; a sentence where there is none."""
    chosen = [use for use in uses if job.choice in ("", use.place.name)]
    if not chosen:
        return [], f"waits for place {job.choice}, which the server does not have now"
    large = [use for use in chosen if use.place.slots >= job.workers]
    if not large:
        most = max(use.place.slots for use in chosen)
        return [], f"waits for {job.workers} workers, and no place for it has more than {most}"
    able = [use.place.name for use in large if not use.closed]
    if not able:
        return [], "; ".join(f"place {use.place.name} is closed: {use.closed}" for use in large)
    return able, ""


def _wait(job: Job, uses: Sequence[PlaceUse], free: Mapping[str, int]) -> str:
    """What a job waits for that finds no room: the place with the most."""
    place = max((use.place for use in uses), key=lambda place: free[place.name])
    if place.jobs is not None and not free[place.name]:
        return f"waits for {place.name}, where another job is"
    slots = f"{place.slots} worker{'s' * (place.slots > 1)}"
    count = free[place.name]
    return (
        f"waits for {job.workers} of the {slots} of {place.name}, of which {count} {'is' if count == 1 else 'are'} free"
    )


def _with_position(sentence: str, before: int) -> str:
    if not before:
        return sentence
    return f"{sentence}; {before} job{'s' * (before > 1)} before it"
