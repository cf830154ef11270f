"""Damaged files by the thousand, read in processes of their own, and what became of them."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

PROCESSES = 3
SECONDS = 60
MEMORY = 8 * 2**30
KINDS = ("right result", "sentence", "wrong result", "traceback", "code run", "process died", "too slow")


def work(pipe: Connection, module: str, source: str, seeds: range) -> None:
    """Read one file per seed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    read_damaged = import_module(module).read_damaged

    for seed in seeds:
        folder = Path(tempfile.mkdtemp(prefix="mutated-"))
        outcome = read_damaged(source, seed, folder)
        shutil.rmtree(folder)
        pipe.send((outcome.kind, outcome.text))


def outcomes(source: str, module: str, count: int) -> list[tuple[str, str]]:
    """What became of each file, in the order of the seeds."""
    context = get_context("spawn")
    done: list[tuple[str, str]] = []
    while len(done) < count:
        pipe, other = context.Pipe()
        process = context.Process(target=work, args=(other, module, source, range(len(done), count)), daemon=True)
        process.start()
        other.close()
        try:
            while len(done) < count and pipe.poll(SECONDS):
                done.append(pipe.recv())
            failure = ("too slow", f"{SECONDS} s")
        except EOFError:
            failure = ("process died", f"exit code {process.exitcode}")
        if len(done) < count:
            done.append(failure)
        process.kill()
        process.join()
    return done


def run(module: str, count: int, folder: Path) -> None:
    """Read damaged files of all kinds in turn, and write the counts to counts.md.

    Args:
        module: has the kinds of files, `SOURCES`, and reads one, `read_damaged`.
        count: how many files in all.
        folder: for counts.md.
    """
    sources = import_module(module).SOURCES
    start = time.monotonic()
    with ThreadPoolExecutor(PROCESSES) as pool:
        outcomes_by_source = list(pool.map(partial(outcomes, module=module, count=count // len(sources)), sources))
    counts = {}
    for source, rows in zip(sources, outcomes_by_source, strict=True):
        counts[source] = Counter(kind for kind, _ in rows)
        for seed, (kind, text) in enumerate(rows):
            if kind not in KINDS[:2]:
                print(f"{source} {seed}: {kind}: {text}", flush=True)

    counts["all"] = sum(counts.values(), Counter())
    lines = ["| file | " + " | ".join(KINDS) + " |", "| - |" + " - |" * len(KINDS)]
    lines += [f"| {source} | " + " | ".join(str(row[kind]) for kind in KINDS) + " |" for source, row in counts.items()]
    (folder / "counts.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    print(f"{counts['all'].total()} files, {time.monotonic() - start:.0f} s")
