"""What each library makes of each operation: python results/2026-11-21_exports/make.py [FOLDER]

Writes capability.json and README.md (here, unless a folder is given), as `policysearch export --table` does, both of
one measurement, for the libraries that are installed. All of them: pip install -e
'.[timm,kornia,albumentations,mmpretrain,keras,jax,dali]'
"""

import sys
from pathlib import Path

from policysearch.export.capability_table import measured_table, written_table


def main(folder: Path) -> None:
    cells = measured_table()
    (folder / "capability.json").write_text(written_table(cells, ".json"))
    (folder / "README.md").write_text(written_table(cells, ".md"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
