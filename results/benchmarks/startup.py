"""How long `policysearch --help` takes, beside an empty Python program.

Run: python results/benchmarks/startup.py [--out FILE]. One warm-up, then 20 runs of each in turn, whole processes.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 20
COMMANDS = {
    "policysearch --help": [sys.executable, "-m", "policysearch", "--help"],
    "policysearch search --help": [sys.executable, "-m", "policysearch", "search", "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("startup.md"))
    out = parser.parse_args().out
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(RUNS + 1)][1:]
    base = statistics.median(r["python -c pass"] for r in rounds)
    lines = [
        "# Start-up",
        "",
        f"`python results/benchmarks/startup.py` · {platform.machine()}, "
        f"Python {platform.python_version()} · n = {RUNS}",
        "",
        "| command | median s (min to max) | ratio to an empty program |",
        "| - | - | - |",
    ]
    for name in COMMANDS:
        own = [r[name] for r in rounds]
        spread = f"{statistics.median(own):.2f} ({min(own):.2f} to {max(own):.2f})"
        lines.append(f"| `{name}` | {spread} | {statistics.median(own) / base:.0f} |")
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
