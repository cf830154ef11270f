"""Render the shipped data set of text lines: python make_data.py OUT.npz [FOLDER_OF_FONTS]

Every line is one word in one font on a mild background, 16 pixels high and up to 96 wide. The families of the test part
are in neither of the other parts, and those of the validation part are not in the training part. The same fonts and the
same versions of Pillow and FreeType give the same file, byte for byte.

The fonts are those of Debian's packages (see the README beside this file for their licences):

    apt-get install fonts-dejavu fonts-liberation2 fonts-open-sans fonts-noto-core fonts-lato fonts-ebgaramond \
        fonts-inconsolata fonts-roboto-unhinted fonts-linuxlibertine fonts-comic-neue fonts-quicksand
"""

import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 16, 96
SCALE = 4
"""Lines are drawn this many times as large and averaged down, so that letters begin anywhere within a pixel."""
WORDS = Path(__file__).with_name("words.txt")

FONTS = {
    "train": (
        ("DejaVu Sans", "truetype/dejavu/DejaVuSans.ttf", "truetype/dejavu/DejaVuSans-Bold.ttf"),
        ("DejaVu Serif", "truetype/dejavu/DejaVuSerif.ttf", "truetype/dejavu/DejaVuSerif-Bold.ttf"),
        ("DejaVu Sans Mono", "truetype/dejavu/DejaVuSansMono.ttf"),
        ("Liberation Sans", "truetype/liberation2/LiberationSans-Regular.ttf"),
        ("Liberation Serif", "truetype/liberation2/LiberationSerif-Regular.ttf"),
        ("Open Sans", "truetype/open-sans/OpenSans-Regular.ttf", "truetype/open-sans/OpenSans-Bold.ttf"),
        ("Noto Serif", "truetype/noto/NotoSerif-Regular.ttf"),
    ),
    "validation": (
        ("Lato", "truetype/lato/Lato-Regular.ttf", "truetype/lato/Lato-Italic.ttf"),
        ("EB Garamond", "opentype/ebgaramond/EBGaramond12-Regular.otf", "opentype/ebgaramond/EBGaramond12-Bold.otf"),
        ("Inconsolata", "truetype/inconsolata/Inconsolata.otf"),
    ),
    "test": (
        ("Roboto", "truetype/roboto/unhinted/RobotoTTF/Roboto-Regular.ttf"),
        (
            "Linux Libertine",
            "opentype/linux-libertine/LinLibertine_R.otf",
            "opentype/linux-libertine/LinLibertine_RB.otf",
        ),
        ("Comic Neue", "opentype/comic-neue/ComicNeue-Regular.otf", "opentype/comic-neue/ComicNeue-Italic.otf"),
        ("Quicksand", "truetype/quicksand/Quicksand-Medium.ttf"),
    ),
}
"""By part: a family, then the files of its styles, below the folder of fonts."""

LINES = {"train": 2000, "validation": 1000, "test": 1000}


def drawn(word: str, file: Path, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """One line [16, 96] uint8 and the width that its text takes, margins included."""
    size = rng.uniform(10.5, 13.0)
    font = ImageFont.truetype(str(file), round(size * SCALE), layout_engine=ImageFont.Layout.BASIC)
    left, _, right, _ = font.getbbox(word, anchor="ls")
    before, after = rng.integers(1, 4, 2) * SCALE
    if right - left + before + after > WIDTH * SCALE:
        return drawn(word, file, rng)

    width = min(WIDTH, -(-(right - left + before + after) // SCALE))
    mask = Image.new("L", (WIDTH * SCALE, HEIGHT * SCALE))
    baseline = HEIGHT * SCALE * 0.72 + rng.uniform(-SCALE, SCALE)
    ImageDraw.Draw(mask).text((before - left, baseline), word, font=font, fill=255, anchor="ls")
    ink = np.asarray(mask, np.float64).reshape(HEIGHT, SCALE, WIDTH, SCALE).mean((1, 3)) / 255
    return shaded(ink, rng), width


def shaded(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ink in [0, 1] as dark grey on light paper whose shade changes along the line."""
    paper, slope, colour = rng.uniform(190, 250), rng.uniform(-25, 25), rng.uniform(0, 110)
    across = np.linspace(-0.5, 0.5, WIDTH)[None]
    background = paper + slope * across
    return (background + (colour - background) * ink).round().clip(0, 255).astype(np.uint8)


def part(name: str, root: Path, words: list[str], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The arrays of one part: images, strings, widths, and the family of each line."""
    families = FONTS[name]
    images, widths, texts, fonts = [], [], [], []
    for i in range(LINES[name]):
        family, *styles = families[i % len(families)]
        word = words[rng.integers(len(words))]
        image, width = drawn(word, root / styles[rng.integers(len(styles))], rng)
        images.append(image)
        widths.append(width)
        texts.append(word)
        fonts.append(family)
    order = rng.permutation(len(images))
    columns = {
        "x": np.stack(images),
        "widths": np.array(widths, np.int16),
        "texts": np.array(texts),
        "fonts": np.array(fonts),
    }
    return {f"{column}_{name}": values[order] for column, values in columns.items()}


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz whose bytes do not depend on the clock."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            content = BytesIO()
            np.lib.format.write_array(content, values, allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", (2026, 1, 1, 0, 0, 0))
            archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    out = Path(sys.argv[1])
    root = Path(sys.argv[2] if len(sys.argv) > 2 else "/usr/share/fonts")
    words = WORDS.read_text(encoding="utf-8").split()
    rng = np.random.default_rng(2026)
    arrays = {name: values for part_name in FONTS for name, values in part(part_name, root, words, rng).items()}
    write(out, arrays)
    for name in FONTS:
        families = sorted(set(arrays[f"fonts_{name}"]))
        print(f"{name}: {len(arrays[f'x_{name}'])} lines in {', '.join(families)}")
    print(out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
