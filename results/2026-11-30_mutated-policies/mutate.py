"""Read damaged files of policies and spaces: `python mutate.py COUNT`; writes counts.md next to this file.

Files are read in a process of 8 GiB of address space, each with a minute of time. A process that ends without an answer
counts as "process died", and another one goes on with the next file.
"""

import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

PROCESSES = 3
SECONDS = 60
MEMORY = 8 * 2**30
KINDS = ("right result", "sentence", "wrong result", "traceback", "code run", "process died", "too slow")


def work(pipe: Connection, source: str, seeds: range) -> None:
    """Read one file per seed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from tests.support.mutated_policies import read_damaged

    for seed in seeds:
        folder = Path(tempfile.mkdtemp(prefix="mutated-"))
        outcome = read_damaged(source, seed, folder)
        shutil.rmtree(folder)
        pipe.send((outcome.kind, outcome.text))


def outcomes(source: str, count: int) -> list[tuple[str, str]]:
    """What became of each file, in the order of the seeds."""
    context = get_context("spawn")
    done: list[tuple[str, str]] = []
    while len(done) < count:
        pipe, other = context.Pipe()
        process = context.Process(target=work, args=(other, source, range(len(done), count)), daemon=True)
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


def main(count: int) -> None:
    from tests.support.mutated_policies import SOURCES

    start = time.monotonic()
    counts = {}
    with ThreadPoolExecutor(PROCESSES) as pool:
        outcomes_by_source = list(pool.map(partial(outcomes, count=count // len(SOURCES)), SOURCES))
    for source, rows in zip(SOURCES, outcomes_by_source, strict=True):
        counts[source] = Counter(kind for kind, _ in rows)
        for seed, (kind, text) in enumerate(rows):
            if kind not in KINDS[:2]:
                print(f"{source} {seed}: {kind}: {text}", flush=True)

    counts["all"] = sum(counts.values(), Counter())
    lines = ["| file | " + " | ".join(KINDS) + " |", "| - |" + " - |" * len(KINDS)]
    lines += [f"| {source} | " + " | ".join(str(row[kind]) for kind in KINDS) + " |" for source, row in counts.items()]
    Path(__file__).with_name("counts.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    print(f"{counts['all'].total()} files, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
