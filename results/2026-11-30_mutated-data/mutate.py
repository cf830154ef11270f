"""Read damaged data files, in processes that may die: `python mutate.py COUNT`, from this folder; writes counts.md.

Every process has 8 GiB of address space and every set of data a minute; a process that ends without an answer counts as
"process died", and the next one goes on.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SECONDS = 60
MEMORY = 8 * 2**30
KINDS = ("right result", "sentence", "wrong result", "traceback", "process died", "too slow")


def work(pipe: Connection, folder: str) -> None:
    """Read what is asked for until the other end closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ["POLICYSEARCH_CACHE"] = f"{folder}/cache"
    from tests.support.mutated_data import read_damaged

    pipe.send("ready")
    while True:
        source, seed = pipe.recv()
        outcome = read_damaged(source, seed, Path(folder) / "data")
        for name in ("data", "cache"):
            shutil.rmtree(Path(folder) / name, ignore_errors=True)
        pipe.send((outcome.kind, outcome.text))


class Reader:
    """A process that reads damaged data, replaced when it dies or takes too long."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="mutated-")
        self._pipe, other = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=work, args=(other, self._folder), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()

    def read(self, source: str, seed: int) -> tuple[str, str]:
        self._pipe.send((source, seed))
        try:
            if self._pipe.poll(SECONDS):
                return self._pipe.recv()
            outcome = ("too slow", f"{SECONDS} s")
        except EOFError:
            outcome = ("process died", f"exit code {self._process.exitcode}")
        self.close()
        self._start()
        return outcome

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def main(count: int) -> None:
    from tests.support.mutated_data import SOURCES

    counts = {source: Counter() for source in SOURCES}
    start = time.monotonic()
    reader = Reader()
    for i in range(count):
        source, seed = list(SOURCES)[i % len(SOURCES)], i // len(SOURCES)
        kind, text = reader.read(source, seed)
        counts[source][kind] += 1
        if kind not in KINDS[:2]:
            print(f"{source} {seed}: {kind}: {text}", flush=True)
    reader.close()

    lines = ["| data | " + " | ".join(KINDS) + " |", "| - |" + " - |" * len(KINDS)]
    lines += [f"| {source} | " + " | ".join(str(row[kind]) for kind in KINDS) + " |" for source, row in counts.items()]
    total = sum(counts.values(), Counter())
    lines.append("| all | " + " | ".join(str(total[kind]) for kind in KINDS) + " |")
    Path("counts.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    print(f"{count} sets of data, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
