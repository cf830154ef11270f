"""Operations on grey values and colours, for whole batches of arrays.

A kernel takes (images [B, H, W, C] float32 of whole numbers in 0..255, magnitude [B], numbers [B, K] in [0, 1)) and
gives as many images.
"""

from __future__ import annotations

import math

from policysearch.export.templates.array_library import Array, cast, erfinv, first_size, segment_sum, xp

BLUR_REACH = 192  # pixels, at most: three times the largest sigma
BLURRED_AWAY = 4  # a blur of a quarter of the shorter side leaves nothing
SMOOTHING_VARIANCE = 6 / 13  # of sharpness's kernel, per axis, in pixels²


def per_image(values: Array) -> Array:
    return values[:, None, None, None]


def whole_grey(values: Array) -> Array:
    """Cut off at 0 and 255, and to the whole number below."""
    return xp.floor(xp.clip(values, 0, 255))


def luma(images: Array) -> Array:
    """[B, H, W, 1]: whole luma of RGB; a grey image as it is."""
    if images.shape[3] != 3:
        return images
    return xp.floor(images[..., :1] * 0.2989 + images[..., 1:2] * 0.587 + images[..., 2:] * 0.114)


def identity(images: Array, magnitude: Array, numbers: Array) -> Array:
    return images


def brightness(images: Array, magnitude: Array, numbers: Array) -> Array:
    return whole_grey(images * per_image(1 + magnitude))


def contrast(images: Array, magnitude: Array, numbers: Array) -> Array:
    mean = xp.mean(luma(images), axis=(1, 2, 3), keepdims=True)
    return whole_grey(images * per_image(1 + magnitude) - mean * per_image(magnitude))


def color(images: Array, magnitude: Array, numbers: Array) -> Array:
    """A blend with the grey image; a grey image as it is."""
    factor = per_image(1 + magnitude)
    return whole_grey(images * factor + luma(images) * (1 - factor)) if images.shape[3] == 3 else images


def grayscale(images: Array, magnitude: Array, numbers: Array) -> Array:
    return xp.repeat(luma(images), 3, axis=3) if images.shape[3] == 3 else images


def hue(images: Array, magnitude: Array, numbers: Array) -> Array:
    """The hue turned by `magnitude` of the colour circle, in HSV; a grey image as it is."""
    if images.shape[3] != 3:
        return images
    pixels = images / 255
    r, g, b = (pixels[..., i] for i in range(3))
    value, low = xp.maximum(xp.maximum(r, g), b), xp.minimum(xp.minimum(r, g), b)
    chroma = value - low
    safe = xp.where(chroma == 0, 1.0, chroma)
    green, blue = (b - r) / safe + 2, (r - g) / safe + 4
    sixths = xp.where(value == r, (g - b) / safe, xp.where(value == g, green, blue)) + 6 * magnitude[:, None, None]
    parts = []
    for offset in (5.0, 3.0, 1.0):
        t = xp.mod(sixths + offset, 6.0)
        parts.append(value - chroma * xp.clip(xp.minimum(t, 4 - t), 0, 1))
    turned = whole_grey(xp.stack(parts, axis=3) * 255.999)
    return xp.where(per_image(magnitude) == 0, images, turned)


def sharpness(images: Array, magnitude: Array, numbers: Array) -> Array:
    """A blend with a 3×3 smoothing (centre 5, others 1, over 13); the border stays."""
    if min(images.shape[1:3]) <= 2:
        return images
    inner = images[:, 1:-1, 1:-1]
    columns = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    around = columns[:, :, :-2] + columns[:, :, 1:-1] + columns[:, :, 2:]
    change = (xp.round((around + 4 * inner) / 13) - inner) * per_image(-magnitude)
    return whole_grey(images + xp.pad(change, ((0, 0), (1, 1), (1, 1), (0, 0))))


def posterize(images: Array, magnitude: Array, numbers: Array) -> Array:
    step = per_image(xp.round(xp.exp((8 - xp.round(magnitude)) * math.log(2))))
    return xp.floor(images / step) * step


def solarize(images: Array, magnitude: Array, numbers: Array) -> Array:
    return xp.where(images >= per_image(magnitude), 255 - images, images)


def solarize_add(images: Array, magnitude: Array, numbers: Array) -> Array:
    """Whole grey values added to what is below 128."""
    return whole_grey(xp.where(images < 128, images + per_image(xp.floor(magnitude)), images))


def invert(images: Array, magnitude: Array, numbers: Array) -> Array:
    return 255 - images


def autocontrast(images: Array, magnitude: Array, numbers: Array) -> Array:
    low, high = xp.min(images, axis=(1, 2), keepdims=True), xp.max(images, axis=(1, 2), keepdims=True)
    span = xp.where(low == high, 1.0, (high - low) * (1 / 255))
    return whole_grey((images - xp.where(low == high, 0.0, low)) / span)


def counts(images: Array) -> Array:
    """How often each value occurs, [B, C, 256] int32."""
    batch, (height, width, channels) = first_size(images), images.shape[1:]
    values = xp.reshape(xp.transpose(images, (0, 3, 1, 2)), (-1, height * width))
    rows = xp.arange(batch * channels, dtype="int32")[:, None] * 256
    places = xp.reshape(cast(values, "int32") + rows, (-1,))
    numbers = segment_sum(xp.ones_like(xp.reshape(values, (-1,))), places, batch * channels * 256)
    return xp.reshape(cast(numbers, "int32"), (-1, channels, 256))


def equalize(images: Array, magnitude: Array, numbers: Array) -> Array:
    """Pillow's scheme: entry v is (pixels below v + step // 2) // step, step = pixels below the brightest // 255."""
    height, width, channels = images.shape[1:]
    number = counts(images)
    below = cast(xp.cumsum(number, axis=2), "int32") - number
    brightest = cast(xp.max(images, axis=(1, 2)), "int32")[:, :, None]
    step = xp.take_along_axis(below, brightest, axis=2) // 255
    entries = xp.clip((below + step // 2) // xp.maximum(step, 1), 0, 255)
    table = xp.where(step > 0, entries, xp.arange(256, dtype="int32")[None, None] + step * 0)
    values = cast(xp.reshape(xp.transpose(images, (0, 3, 1, 2)), (-1, channels, height * width)), "int32")
    out = cast(xp.take_along_axis(table, values, axis=2), "float32")
    return xp.transpose(xp.reshape(out, (-1, channels, height, width)), (0, 2, 3, 1))


def gaussian_blur(images: Array, magnitude: Array, numbers: Array) -> Array:
    """A blur by a Gaussian of sigma `magnitude` pixels cut off at 3 sigma, edges reflected."""
    blurred = blur_axis(blur_axis(images, magnitude, 2), magnitude, 1)
    return xp.where(per_image(magnitude) == 0, images, xp.clip(xp.round(blurred), 0, 255))


def blur_axis(images: Array, sigma: Array, axis: int) -> Array:
    side = images.shape[axis]
    most = min(BLUR_REACH, side - 1)
    reach = xp.minimum(xp.ceil(3 * sigma), float(most))
    taps = range(-most, most + 1)
    heights = [
        xp.exp(-0.5 * xp.square(tap / xp.maximum(sigma, 1e-6))) * cast(reach >= abs(tap), "float32") for tap in taps
    ]
    total = sum(heights)
    mirrored = [side - 1 - abs(side - 1 - abs(place)) for place in range(-most, side + most)]
    padded = xp.take(images, xp.array(mirrored, dtype="int32"), axis=axis)
    out = xp.zeros_like(images)
    for first, weight in enumerate(heights):
        part = padded[:, first : first + side] if axis == 1 else padded[:, :, first : first + side]
        out = out + part * per_image(weight / total)
    return out


def scramble(x: Array) -> Array:
    """A bijection of 32-bit numbers whose every output bit depends on every input bit."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B - 2**32)):
        x = xp.bitwise_xor(x, shifted(x, shift)) * factor
    return xp.bitwise_xor(x, shifted(x, 16))


def shifted(x: Array, places: int) -> Array:
    """The bits of int32 moved to the right, zeros behind them."""
    return xp.bitwise_and(xp.right_shift(x, places), 2 ** (32 - places) - 1)


def hashed_uniforms(seeds: Array, count: int) -> Array:
    """[B, 2] in [0, 1) -> [B, count] in (0, 1): number i of a row is a hash of (the row's seeds, i)."""
    upper = xp.floor(seeds * 65536)
    words = cast(upper, "int32") * 65536 + cast(xp.floor((seeds * 65536 - upper) * 65536), "int32")
    index = xp.arange(count, dtype="int32")[None]
    mixed = scramble(xp.bitwise_xor(scramble(words[:, :1]), index))
    return (cast(shifted(scramble(mixed + words[:, 1:2]), 9), "float32") + 0.5) * 2.0**-23


def noise(images: Array, magnitude: Array, numbers: Array) -> Array:
    """magnitude · N(0, 0.1²) of the grey range added to every value; the pattern depends on `numbers` alone."""
    height, width, channels = images.shape[1:]
    pattern = erfinv(hashed_uniforms(numbers[:, :2], channels * height * width) * 2 - 1) * 2**0.5
    pattern = xp.transpose(xp.reshape(pattern, (-1, channels, height, width)), (0, 2, 3, 1))
    return xp.clip(xp.round(images + pattern * per_image(25.5 * magnitude)), 0, 255)


def entropy(images: Array) -> Array:
    """[B] bits, summed over channels."""
    share = cast(counts(images), "float32") / (images.shape[1] * images.shape[2])
    bits = xp.log(xp.maximum(share, 1e-12)) / math.log(2)
    return -xp.sum(share * bits, axis=(1, 2))


def information(before: Array, after: Array, magnitude: Array) -> Array:
    """[B]: the share of the grey values' entropy that is left; 1 for a flat image."""
    total = entropy(before)
    return xp.where(total > 0, xp.clip(entropy(after) / xp.maximum(total, 1e-9), 0, 1), 1.0)


def color_left(before: Array, after: Array, magnitude: Array) -> Array:
    left = 1 + xp.minimum(magnitude, 0.0) * 2 / 3
    return left if before.shape[3] == 3 else xp.ones_like(left)


def gray_left(before: Array, after: Array, magnitude: Array) -> Array:
    return color_left(before, after, magnitude * 0 - 1)


def blur_left(before: Array, after: Array, magnitude: Array) -> Array:
    return xp.maximum(1 - BLURRED_AWAY * magnitude / min(before.shape[1:3]), 0.0)


def sharpness_left(before: Array, after: Array, magnitude: Array) -> Array:
    return blur_left(before, after, xp.sqrt(SMOOTHING_VARIANCE * xp.maximum(-magnitude, 0.0)))


def noise_left(before: Array, after: Array, magnitude: Array) -> Array:
    return xp.maximum(1 - xp.abs(magnitude), 0.0)
