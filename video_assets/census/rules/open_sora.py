"""Open-Sora 1.2, 1.3 and 2.0: classes of pixels from large to small, in each the longest number of frames that fits.

The trainer may draw lots (probabilities of its config). Here every draw succeeds: a clip goes where it goes first.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from video_assets.census.rules.placing import (
    TOO_FEW_AFTER_RATE,
    TOO_FEW_FRAMES,
    TOO_FEW_PIXELS,
    Bucket,
    Clips,
    Placed,
    nearest,
    one_each,
)

# Pixels of a class; a clip may have a fifth fewer.
PIXELS_1 = {
    "144p": 36864, "240p": 102240, "360p": 230400, "480p": 409920, "720p": 921600, "1080p": 2073600, "2k": 3686400, "4k": 8294400
}  # fmt: skip
_RATIOS_1 = (
    *("0.38", "0.43", "0.48", "0.50", "0.53", "0.54", "0.62", "0.56", "0.67", "0.75"),
    *("1.00", "1.33", "1.50", "1.78", "1.89", "2.00", "2.08"),
)
_RATIOS_2 = ("2.39:1", "2:1", "16:9", "1.85:1", "9:16", "5:8", "3:2", "4:3", "1:1")
_LESS = 0.8
_STEP = 16

STAGES_1_2 = dict.fromkeys(("144p", "240p", "360p", "480p", "720p"), (51, 102, 204, 408))
STAGES_1_3 = dict.fromkeys(("360p", "720p"), (49, 65, 81, 97, 113))
STAGES_2_0 = {"256px": tuple(range(5, 130, 4)), "768px": tuple(range(5, 130, 4))}

Config = Mapping[str, Sequence[int]]


def place_1(clips: Clips, config: Config, *, frame_interval: int = 1) -> Placed:
    """Open-Sora 1.2 and 1.3. `config`: numbers of frames by class; `NAME_16d` classes have the pixels of `NAME`.

    Raises:
        ValueError: a class is not known; names those that are.
    """
    pixels = {name: _pixels_1(name) for name in config}
    ratios = [(name, float(name)) for name in _RATIOS_1]
    # Strictly more frames than the bucket has.
    return _place(
        clips,
        config,
        pixels,
        dict.fromkeys(config, ratios),
        available=clips.frames - 1,
        step=frame_interval,
        cause_of_few=TOO_FEW_FRAMES,
    )


def place_2(clips: Clips, config: Config, *, fps_max: float = 24.0) -> Placed:
    """Open-Sora 2.0. `config`: numbers of frames by class (256px, 360p, ...); frames are taken at `fps_max` or below."""
    pixels = {name: pixels_2(name) for name in config}
    ratios = {name: ratios_2(pixels[name]) for name in config}
    # The smallest whole step that brings the rate to fps_max or below; an unknown rate is taken as it is.
    is_fast = clips.fps >= fps_max
    step = np.where(is_fast, np.ceil(np.where(is_fast, clips.fps, 1.0) / fps_max), 1.0).astype(np.int64)
    return _place(clips, config, pixels, ratios, available=clips.frames // step, step=step, cause_of_few=TOO_FEW_AFTER_RATE)


def pixels_2(name: str) -> int:
    """Pixels of a class of Open-Sora 2.0.

    Raises:
        ValueError: the name is neither 256px nor 360p in kind.
    """
    size = name.partition("_")[0]
    try:
        if size.endswith("px"):
            return int(size[:-2]) ** 2
        return int(int(size.removesuffix("p")) ** 2 / 9 * 16)
    except ValueError:
        raise ValueError(f"{name!r} is no class of Open-Sora 2.0: they are named 256px or 360p") from None


def ratios_2(pixels: int) -> list[tuple[str, float]]:
    """Aspect ratios of a class, as name (width:height) and height / width; sizes that come twice are there once."""
    sizes: dict[str, tuple[int, int]] = {}
    for name in _RATIOS_2:
        width_part, height_part = (float(part) for part in name.split(":"))
        size = _size_2(pixels, width_part / height_part)
        if size not in sizes.values():
            sizes[name] = size
    turned = [":".join(reversed(name.split(":"))) for name in sizes]
    names = dict.fromkeys([*sizes, *turned])
    return [(name, float(name.split(":")[1]) / float(name.split(":")[0])) for name in names]


def _size_2(pixels: int, ratio: float) -> tuple[int, int]:
    width = int(math.sqrt(pixels * ratio) // _STEP) * _STEP
    height = int(pixels / width // _STEP) * _STEP
    near = [(height, width), (height - _STEP, width), (height + _STEP, width), (height, width - _STEP), (height, width + _STEP)]
    return min(near, key=lambda size: abs(size[0] * size[1] - pixels))


def _pixels_1(name: str) -> int:
    known = name.removesuffix("_16d")
    if known not in PIXELS_1:
        raise ValueError(f"{name!r} is no class of Open-Sora 1.2 or 1.3 that the census knows: {', '.join(PIXELS_1)}")
    return PIXELS_1[known]


def _place(
    clips: Clips,
    config: Config,
    pixels: Mapping[str, int],
    ratios: Mapping[str, list[tuple[str, float]]],
    *,
    available: npt.NDArray[np.int64],
    step: npt.NDArray[np.int64] | int,
    cause_of_few: str,
) -> Placed:
    """Walk the classes from large to small; the first in which some number of frames fits takes the clip."""
    buckets: list[Bucket] = []
    chosen = np.full(len(clips), -1, dtype=np.int64)
    used = np.zeros(len(clips))
    resolution = clips.height * clips.width
    shape = clips.height / clips.width
    is_large = np.zeros(len(clips), dtype=bool)
    unit = available if isinstance(step, np.ndarray) else available // step
    for name in sorted(config, key=lambda each: -pixels[each]):
        has_pixels = resolution >= pixels[name] * _LESS
        is_large |= has_pixels
        nearest_ratio = nearest(shape, [value for _, value in ratios[name]])
        for frames in sorted((each for each in config[name] if each != 1), reverse=True):
            takes = (chosen < 0) & has_pixels & (unit >= frames) & (clips.frames > 1)
            chosen[takes] = len(buckets) + nearest_ratio[takes]
            used[takes] = frames * (step[takes] if isinstance(step, np.ndarray) else step)
            buckets += [Bucket(f"{name} {frames} {ratio}", frames, value) for ratio, value in ratios[name]]
    cause = np.where(is_large, _few(clips, config, cause_of_few), TOO_FEW_PIXELS).astype(object)
    return one_each(buckets, chosen, used, cause)


def _few(clips: Clips, config: Config, cause: str) -> npt.NDArray[np.object_]:
    """Too few frames as they are, or only after the change of rate."""
    least = min((each for frames in config.values() for each in frames if each != 1), default=1)
    return np.where(clips.frames >= least, cause, TOO_FEW_FRAMES).astype(object)
