"""What each library makes of each operation: python results/2026-11-21_exports/make.py [FOLDER]

Writes capability.json and README.md (here, unless a folder is given) for the libraries that are installed, on the
shipped images; in colour, three of them are the channels of one. pip install -e '.[timm,kornia,albumentations]'
"""

import json
import sys
import warnings
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

from policysearch.datasets.load import load
from policysearch.datasets.settings import DataSettings
from policysearch.export.capability import LIBRARIES, as_markdown, measure
from policysearch.operations import SHIPPED_OPERATIONS

HEAD = """# What each library makes of each operation

`policysearch export` writes policies for four libraries. Here is how near each operation comes to the pixels that
were searched with, measured by `make.py` beside this file on 12 grey pictures of 28×28 of the shipped data and 12 in
colour, whose channels are three of them, at 0.3, 0.55 and 1 of the standard range, for the same magnitude and sign.
*Exact*: to the last bit. *Within 1*: no grey value further off than 1 of 255. *x % differ*: that share of values,
at the worst of these magnitudes; for shears and turns it is places that fall between two pixels, for translations
and crops a pixel's rounding. *Another operation*: the export refuses it unless `--allow-loss`. –: not written, the
reasons are below.

{versions}.
"""

REST = """
What a whole policy may ask for:

| | torchvision | timm | kornia | albumentations |
| - | - | - | - | - |
| a draw of its own for each image | yes, of a batch too | yes | no: one sub-policy, magnitude and sign a batch | yes |
| weights, probabilities, one of several | yes | yes | yes | yes |
| a magnitude of several levels | yes | yes | yes | no: of their interval |
| a magnitude of an interval | yes | no: of 256 values | no: of 32 values | yes |
| a noisy magnitude (mean, std) | yes | yes | no: of 15 quantiles | no: of 7 quantiles |
| several in random order (some_of) | yes | no | no | no |
| softened targets and weights, a loss | yes | no | no | no |
| mixes of the batch | all but SnapMix | no | no | no |
| means of several draws (AugMix) | yes | no | no | no |
| stages | yes, by `progress` | no | no | no |
| boxes and masks | moved along (not by AugMix) | no | untested | untested |

Each *no* is named by the export, which then refuses unless `--allow-loss`.
"""


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    images = torch.from_numpy(load(DataSettings()).x_train)
    found = [name for name in LIBRARIES if find_spec(name)]
    cells = {name: {op: measure(op, name, images) for op in sorted(SHIPPED_OPERATIONS)} for name in found}
    data = {name: {op: asdict(cell) for op, cell in column.items()} for name, column in cells.items()}
    (folder / "capability.json").write_text(json.dumps(data, indent=1) + "\n")
    versions = ", ".join(f"{name} {version(name)}" for name in ("policysearch", "torch", *found))
    text = HEAD.format(versions=versions) + "\n" + "\n".join(as_markdown(cells)) + "\n" + REST
    (folder / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
