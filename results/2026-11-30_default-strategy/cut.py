"""The default space's 20 arms of a table of `broad`: python cut.py TABLE.parquet OUT.parquet"""

import json
import sys

import pyarrow.parquet as pq

import search_spaces
from policysearch.policy.space_files import load_space

KEY = b"policysearch"


def main(source: str, out: str) -> None:
    table = pq.read_table(source)
    told = json.loads(table.schema.metadata[KEY])
    keys = {arm.key for arm in load_space("default").arms(told["seed"])}
    rows = [i for i, key in enumerate(table["arm"].to_pylist()) if key in keys]
    told |= {"space": search_spaces.text("default"), "space_name": "default", "failed": []}
    pq.write_table(table.take(rows).replace_schema_metadata({KEY: json.dumps(told)}), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
