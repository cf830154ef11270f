"""Read damaged settings, calibrations and recorded tables: `python mutate.py COUNT`; writes counts.md beside it.

Files are read in a process of 8 GiB of address space, each with a minute of time. A process that ends without an answer
counts as "process died", and another one goes on with the next file.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.mutation_runs import run

if __name__ == "__main__":
    run("tests.support.mutated_settings", int(sys.argv[1]), Path(__file__).parent)
