"""The service under load: watchers of a search, a long list, its pages, and how fast it ends.

Run: python results/benchmarks/service.py [--out FILE]. A server with 1,000 searches of 400 pulls runs a search with and
without watchers in turn (A B A B), on the same machine as the watchers. `--searches 50 --pulls 6 --rounds 1` tries it
in some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from targets import Target, section

from policysearch.service.database.connection import open_database
from policysearch.service.database.jobs import Jobs
from policysearch.service.database.tables import JOBS
from policysearch.service.ids import new_id
from policysearch.service.job import State
from policysearch.service.state_folder import StateFolder

WATCHERS = 50
LOOKS = 30
"""Requests of each page."""
PULLS_LISTED = 400
SETTINGS = {"data": "fashion-small", "images": 100, "epochs": 2, "confirm": 1, "finalists": 2, "workers": 1}
PATIENCE = 1_800.0


@dataclass(frozen=True)
class Rounds:
    """A search that was run several times.

    Attributes:
        alone, watched: pulls per minute of each round.
        latencies: seconds from an event to a watcher.
        load: CPU seconds of the server per second, with watchers.
    """

    alone: list[float]
    watched: list[float]
    latencies: list[float]
    load: list[float]


class Server:
    """`policysearch serve` in a process."""

    def __init__(self, state: Path) -> None:
        command = [sys.executable, "-m", "policysearch", "serve", "--state", str(state), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        address, _, self.token = self.process.stdout.readline().strip().partition("/login#t=")
        self.port = int(address.rpartition(":")[2])

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """The answer to a request."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Accept": "*/*"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content.decode()}")
        return content

    def megabytes(self) -> float:
        """Memory of the process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """CPU time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> float:
        """End it by SIGTERM; the seconds that takes."""
        begin = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.perf_counter() - begin


class Watchers:
    """Live pages in a process of their own."""

    def __init__(self, server: Server, path: str, count: int) -> None:
        command = [sys.executable, __file__, "--watch", str(server.port), path, str(count)]
        environment = {**os.environ, "TOKEN": server.token}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout
        self._process.stdout.readline()

    def end(self, *, politely: bool = True) -> dict[str, Any]:
        """What they have seen; they leave, unless the server has ended their streams."""
        if politely:
            self._process.send_signal(signal.SIGINT)
        out, _ = self._process.communicate(timeout=120)
        seen: dict[str, Any] = json.loads(out)
        return seen


def watch(port: int, path: str, count: int) -> None:
    """Open streams and measure how late events come, until Ctrl-C or the server's farewell."""
    latencies: list[float] = []
    kinds: list[str] = []
    with asyncio.Runner() as runner, suppress(KeyboardInterrupt):
        runner.run(_watch_all(port, path, count, latencies, kinds))
    print(json.dumps({"latencies": latencies, "byes": kinds.count("bye")}))


async def _watch_all(port: int, path: str, count: int, latencies: list[float], kinds: list[str]) -> None:
    ready = [asyncio.Event() for _ in range(count)]
    streams = [asyncio.create_task(_watch(port, path, latencies, kinds, event)) for event in ready]
    for event in ready:
        await event.wait()
    print("ready", flush=True)
    await asyncio.gather(*streams)


async def _watch(port: int, path: str, latencies: list[float], kinds: list[str], ready: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {os.environ['TOKEN']}\r\n\r\n"
    writer.write(request.encode())
    begin = time.time()
    kind = ""
    while line := await reader.readline():
        ready.set()
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
            kinds.append(kind)
        elif line.startswith(b"data: ") and kind not in ("job", "bye"):
            written = json.loads(line[6:])["t"]
            if written > begin:
                latencies.append(time.time() - written)
    writer.close()


def fill(folder: StateFolder, count: int) -> str:
    """Write searches that are done into the state; the id of one of them."""
    folder.make()
    sample = folder.path / "sample"
    sample.mkdir()
    (sample / "events.jsonl").write_text("".join(map(_pull, range(PULLS_LISTED))), encoding="utf-8")
    (sample / "live.json").write_text(json.dumps(_live()), encoding="utf-8")
    with open_database(None, folder.database) as database:
        first = _done(Jobs(database))
        with database.writing() as connection:
            row = dict(connection.execute(select(JOBS)).mappings().one())
            copies = [{**row, "id": new_id(), "name": f"search {number}"} for number in range(1, count)]
            if copies:
                connection.execute(insert(JOBS), copies)
    for job_id in (first, *(copy["id"] for copy in copies)):
        path = folder.job(job_id)
        path.path.mkdir()
        for file in (path.events, path.live):
            os.link(sample / file.name, file)
    return first


def _done(jobs: Jobs) -> str:
    """A search that is done; its id."""
    job = jobs.add("admin", "search", {**SETTINGS, "trials": PULLS_LISTED}, workers=1, name="search 0")[0]
    for state in (State.QUEUED, State.STARTING, State.RUNNING):
        jobs.enter(job.id, state)
    jobs.update(job.id, progress={"phase": "report", "done": PULLS_LISTED, "total": PULLS_LISTED, "best": 0.86})
    return jobs.enter(job.id, State.DONE).id


def _pull(number: int) -> str:
    fields = {"phase": "search", "number": number, "arm": f"{number % 20:02}", "name": f"randaugment:2,{number % 20}"}
    begun = {"t": 1.0, "kind": "pull_started", **fields, "images": 100, "epochs": 2}
    ended = {"t": 2.0, "kind": "pull_ended", **fields, "reward": 0.8, "seconds": 4.2, "metrics": {"loss": 0.51}}
    return f"{json.dumps(begun)}\n{json.dumps({**ended, 'error': None})}\n"


def _live() -> dict[str, Any]:
    arms = [
        {"name": f"randaugment:2,{n}", "pulls": 20, "mean": 0.8, "low": 0.78, "high": 0.82, "worker_seconds": 84.0}
        for n in range(20)
    ]
    rewards = [[n, 0.8 + n % 7 / 100, 0.86] for n in range(PULLS_LISTED)]
    verdict = {"sentence": "crop leads", "low": -0.01, "high": 0.02, "mean": 0.01, "unit": "", "over": "flip-crop"}
    return {"verdict": {**verdict, "may_be_chance": True}, "leaderboard": arms, "rewards": rewards, "curves": {}}


def run_search(server: Server, trials: int, seed: int, watchers: int) -> tuple[float, list[float], float]:
    """Run a search through the queue.

    Returns:
        Pulls per minute from the first pull that has ended to the last, latencies, and CPU seconds of the server per
        second.
    """
    job = json.loads(server.ask("POST", "/api/v1/searches", {**SETTINGS, "trials": trials, "seed": seed}))["id"]
    path = f"/api/v1/searches/{job}"
    audience = Watchers(server, f"{path}/events", watchers) if watchers else None
    begin, cpu = time.perf_counter(), server.cpu_seconds()
    while (state := json.loads(server.ask("GET", path))["state"]) not in ("done", "failed", "refused"):
        if time.perf_counter() - begin > PATIENCE:
            raise SystemExit(f"the search is {state} after {PATIENCE:g} s")
        time.sleep(1)
    load = (server.cpu_seconds() - cpu) / (time.perf_counter() - begin)
    seen = audience.end() if audience else {"latencies": []}
    pulls = json.loads(server.ask("GET", f"{path}/pulls?limit=2000"))["pulls"]
    times = [pull["time"] for pull in pulls if pull["phase"] == "search"]
    return 60 * (len(times) - 1) / (times[-1] - times[0]), seen["latencies"], load


def run_rounds(server: Server, rounds: int, trials: int) -> Rounds:
    """The same search alone and with watchers, in turn."""
    result = Rounds([], [], [], [])
    for number in range(rounds):
        result.alone.append(run_search(server, trials, number, 0)[0])
        rate, latencies, load = run_search(server, trials, number, WATCHERS)
        result.watched.append(rate)
        result.latencies.extend(latencies)
        result.load.append(load)
    return result


def page_times(server: Server, path: str) -> tuple[float, int]:
    """The median of the seconds that a page takes, and its bytes."""
    seconds = []
    for _ in range(LOOKS):
        begin = time.perf_counter()
        content = server.ask("GET", path)
        seconds.append(time.perf_counter() - begin)
        time.sleep(0.1)  # the server takes 20 requests per second
    return statistics.median(seconds), len(content)


@dataclass(frozen=True)
class Measurements:
    """What one server was measured to do.

    Attributes:
        list_page, search_page: seconds and bytes.
        memory: megabytes, with all searches listed.
        end: seconds from SIGTERM to the end; farewells: watchers that were told of it.
    """

    searches: int
    list_page: tuple[float, int]
    search_page: tuple[float, int]
    rounds: Rounds
    memory: float
    end: float
    farewells: int


def measure(searches: int, rounds: int, trials: int) -> Measurements:
    """All measurements, on a server of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = StateFolder(Path(scratch) / "state")
        done = fill(folder, searches)
        server = Server(folder.path)
        try:
            list_page = page_times(server, "/")
            search_page = page_times(server, f"/searches/{done}")
            both = run_rounds(server, rounds, trials)
            audience = Watchers(server, "/api/v1/events", WATCHERS)
            memory = server.megabytes()
            end = server.end()
            byes = audience.end(politely=False)["byes"]
        finally:
            server.process.kill()
    return Measurements(searches, list_page, search_page, both, memory, end, byes)


def against_limits(result: Measurements) -> list[Target]:
    rounds, late = result.rounds, statistics.quantiles(result.rounds.latencies, n=100)
    change = statistics.median(rounds.watched) / statistics.median(rounds.alone) - 1
    listing, listing_bytes = result.list_page
    search, search_bytes = result.search_page
    last = f"{result.end:.1f} s, {result.farewells} farewells"
    return [
        Target.at_most(f"event to {WATCHERS} watchers, p99 (p50 {late[49]:.2f} s)", late[98], 1, "s"),
        Target.at_least("pulls per minute with watchers, change", 100 * change, -3, "%"),
        Target.at_most("CPU of the server with watchers, of a core", 100 * max(rounds.load), 25, "%"),
        Target.at_most(f"memory with {result.searches:,} searches listed", result.memory, 200, "MB"),
        Target.at_most(f"list page ({listing_bytes / 1000:.0f} kB)", 1000 * listing, 300, "ms"),
        Target.at_most("page of a search", 1000 * search, 500, "ms"),
        Target.at_most("size of the page of a search", search_bytes / 1000, 300, "kB"),
        Target(
            f"SIGTERM with {WATCHERS} watchers",
            last,
            f"at most 3 s, {WATCHERS} farewells",
            result.end <= 3 and result.farewells == WATCHERS,
        ),
    ]


def page(result: Measurements, trials: int) -> list[str]:
    about = (
        f"`python results/benchmarks/service.py` · {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()} · {len(result.rounds.alone)} rounds of {trials} pulls with and without watchers, "
        f"in turn, watchers on the same machine; pages: median of {LOOKS}"
    )
    return ["# The service", "", about, "", *section(against_limits(result))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("service.md"))
    parser.add_argument("--searches", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pulls", type=int, default=40)
    parser.add_argument("--watch", nargs=3, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.watch:
        port, path, count = flags.watch
        return watch(int(port), path, int(count))
    lines = page(measure(flags.searches, flags.rounds, flags.pulls), flags.pulls)
    flags.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
