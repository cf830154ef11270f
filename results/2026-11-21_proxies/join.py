"""Tables of the same arms on the same data as one: python join.py OUT.parquet TABLE.parquet[:FIDELITY,…] …

After a colon stand the fidelities to take; without it all are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

KEY = b"policysearch"


def taken(spec: str) -> tuple[pa.Table, dict]:
    """The rows of a table that are wanted, and what it says of itself."""
    path, _, names = spec.partition(":")
    table = pq.read_table(path)
    told = json.loads(table.schema.metadata[KEY])
    if names:
        rows = [f"{images}x{epochs}" in names.split(",") for images, epochs in _sizes(table)]
        table = table.filter(pa.array(rows))
    return table.replace_schema_metadata(None), told


def _sizes(table: pa.Table) -> list[tuple[int, int]]:
    return list(zip(table["images"].to_pylist(), table["epochs"].to_pylist(), strict=True))


def joined(specs: list[str]) -> pa.Table:
    """One table, its fidelities by cost; refuses tables of other arms, seeds or data."""
    tables, told = zip(*map(taken, specs), strict=True)
    for each in told[1:]:
        same = all(each[name] == told[0][name] for name in ("space", "seed"))
        if not same or each["about"]["digest"] != told[0]["about"]["digest"]:
            raise SystemExit("these tables have other arms, another seed or other data")
    whole = pa.concat_tables(tables, promote_options="permissive")
    sizes = sorted(set(_sizes(whole)), key=lambda size: (size[0] * size[1], size[0]))
    fidelities = [{"images": images, "epochs": epochs} for images, epochs in sizes]
    return whole.replace_schema_metadata({KEY: json.dumps({**told[0], "fidelities": fidelities})})


if __name__ == "__main__":
    pq.write_table(joined(sys.argv[2:]), Path(sys.argv[1]))
