"""Fair order, reservation, and what a job that waits is said to wait for."""

from __future__ import annotations

from policysearch.service.job import Intent, Job, State
from policysearch.service.scheduler.places import Place, PlaceUse
from policysearch.service.scheduler.queue import fair_order, plan

CPU = Place("local-cpu", 3)
GPU = Place("gpu:0", 2, jobs=1, gpu="0")


def job(name: str, owner: str = "anna", workers: int = 1, order: float = 0.0, choice: str = "") -> Job:
    return Job(
        id=name,
        kind="search",
        owner=owner,
        name="",
        request={},
        state=State.QUEUED,
        intent=Intent.RUN,
        workers=workers,
        created=0.0,
        changed=0.0,
        order=order or float(ord(name[0])),
        revision=0,
        choice=choice,
    )


def ids(jobs) -> str:
    return "".join(job.id for job in jobs)


def use(place: Place, *workers: int, closed: str = "") -> PlaceUse:
    there = tuple((f"job {k}", "carl", count) for k, count in enumerate(workers))
    return PlaceUse(place, sum(workers), there, closed)


def started(order, *uses, at_work=None, most=99) -> str:
    return " ".join(f"{job.id}@{place.name}" for job, place in plan(order, uses, at_work or {}, most).starts)


def sentences(order, *uses, at_work=None, most=99) -> dict[str, str]:
    return {w.job.id: w.sentence for w in plan(order, uses, at_work or {}, most).line}


def test_the_user_with_the_fewest_worker_seconds_comes_first():
    queue = [job("a", "anna"), job("b", "ben"), job("c", "carl")]
    assert ids(fair_order(queue, {"anna": 5.0, "ben": 1.0, "carl": 3.0}, {})) == "bca"


def test_users_who_have_used_the_same_take_turns():
    queue = [job("a"), job("b"), job("c"), job("x", "ben"), job("y", "ben")]
    assert ids(fair_order(queue, {}, {})) == "axbyc"


def test_workers_at_work_count_between_users_who_have_used_the_same():
    assert ids(fair_order([job("a"), job("b", "ben")], {}, {"anna": 2})) == "ba"


def test_within_a_user_jobs_have_their_own_order():
    assert ids(fair_order([job("a", order=3), job("b", order=1), job("c", order=2)], {}, {})) == "bca"


def test_jobs_start_as_long_as_there_are_workers():
    assert started([job("a", workers=2), job("b"), job("c")], use(CPU)) == "a@local-cpu b@local-cpu"


def test_the_head_of_the_line_reserves():
    order = [job("a", workers=3), job("b", "ben")]
    assert started(order, use(CPU, 1)) == ""
    assert sentences(order, use(CPU, 1)) == {
        "a": "waits for 3 of the 3 workers of local-cpu, of which 2 are free",
        "b": "waits for 1 of the 3 workers of local-cpu, of which 2 are free; 1 job before it",
    }


def test_a_job_that_can_run_nowhere_keeps_nothing():
    order = [job("a", workers=4), job("b"), job("c", choice="gpu:7")]
    assert started(order, use(CPU)) == "b@local-cpu"
    assert sentences(order, use(CPU)) == {
        "a": "waits for 4 workers, and no place for it has more than 3",
        "c": "waits for place gpu:7, which the server does not have now; 1 job before it",
    }


def test_a_user_with_enough_at_work_keeps_nothing():
    order = [job("a"), job("b", "ben")]
    assert started(order, use(CPU), at_work={"anna": 2}, most=2) == "b@local-cpu"
    assert "anna has 2 jobs at work, and 2 may be" in sentences(order, use(CPU), at_work={"anna": 2}, most=2)["a"]


def test_a_gpu_is_for_one_job_at_a_time():
    order = [job("a", choice="gpu:0"), job("b", choice="gpu:0")]
    assert started(order, use(GPU)) == "a@gpu:0"
    assert sentences([job("a", choice="gpu:0")], use(GPU, 1)) == {"a": "waits for gpu:0, where another job is"}


def test_a_job_goes_to_any_place_with_room():
    assert started([job("a", workers=2)], use(CPU, 3), use(GPU)) == "a@gpu:0"


def test_nothing_starts_at_a_closed_place():
    closed = use(CPU, closed="its last 3 starts failed, the last one because of x")
    assert started([job("a")], closed) == ""
    assert sentences([job("a")], closed)["a"].startswith("place local-cpu is closed: its last 3 starts failed")
