"""The numbers by which compiled loops know operations."""

from __future__ import annotations

MOVE, TRANSLATE_X, TRANSLATE_Y, TRANSLATE_X_PIXELS, TRANSLATE_Y_PIXELS, FLIP_HORIZONTAL, FLIP_VERTICAL = range(1, 8)
LAST_MOVE = FLIP_VERTICAL
MATRIX, SHEAR_X, SHEAR_Y = range(8, 11)
LAST_MATRIX = SHEAR_Y
BRIGHTNESS, CONTRAST, POSTERIZE, SOLARIZE, SOLARIZE_ADD, INVERT, AUTOCONTRAST, EQUALIZE = range(11, 19)
COLOR, GRAYSCALE, SHARPNESS = range(19, 22)

CODES = {
    "translate-x": TRANSLATE_X,
    "translate-y": TRANSLATE_Y,
    "translate-x-pixels": TRANSLATE_X_PIXELS,
    "translate-y-pixels": TRANSLATE_Y_PIXELS,
    "flip-horizontal": FLIP_HORIZONTAL,
    "flip-vertical": FLIP_VERTICAL,
    "shear-x": SHEAR_X,
    "shear-y": SHEAR_Y,
    "brightness": BRIGHTNESS,
    "contrast": CONTRAST,
    "posterize": POSTERIZE,
    "solarize": SOLARIZE,
    "solarize-add": SOLARIZE_ADD,
    "invert": INVERT,
    "autocontrast": AUTOCONTRAST,
    "equalize": EQUALIZE,
    "color": COLOR,
    "grayscale": GRAYSCALE,
    "sharpness": SHARPNESS,
}
"""Operations whose numbers the loops compute themselves from the magnitude."""
CODES_OF_KINDS = {"move": MOVE, "matrix": MATRIX}
"""All other operations of these kinds: the loops get the entries that the kernel gives."""
