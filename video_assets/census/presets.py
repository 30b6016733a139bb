"""The trainers by name, with their published settings, and what a user puts in their place: flags, or the trainer's config file.

Belongs here: names and settings. Does not belong here: bucket rules (`census.rules`), counting (`census.census`).
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_assets.census.rules import open_sora, ratios, sized
from video_assets.census.rules.placing import Clips, Placed
from video_assets.core.errors import UsageError


@dataclass(frozen=True)
class Wanted:
    """What a user gives: numbers of frames, the rate that the model wants, width and height, the trainer's config file."""

    frames: tuple[int, ...] = ()
    fps: float | None = None
    size: tuple[int, int] | None = None
    config: Mapping[str, Any] | None = None


def place(trainer: str, clips: Clips, wanted: Wanted) -> Placed:
    """Where the trainer puts the clips.

    Raises:
        UsageError: there is no such trainer, or what is wanted does not go with it; says which there are, or what is wrong.
    """
    if trainer not in TRAINERS:
        raise UsageError(f"there is no trainer {trainer!r}; there are: {', '.join(TRAINERS)}")
    try:
        return TRAINERS[trainer](clips, wanted)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"census {trainer}: {error}") from error


def read_config(path: Path) -> dict[str, Any]:
    """A trainer's config file.

    Raises:
        UsageError: it is neither JSON nor TOML; names the file and the first fault.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is no readable {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} must hold an object, not a {type(found).__name__}")
    return found


def _open_sora_1(published: open_sora.Config) -> Callable[[Clips, Wanted], Placed]:
    return lambda clips, wanted: open_sora.place_1(clips, _classes(wanted, published))


def _open_sora_2(clips: Clips, wanted: Wanted) -> Placed:
    config = wanted.config or {}
    return open_sora.place_2(clips, _classes(wanted, open_sora.STAGES_2_0), fps_max=wanted.fps or config.get("fps_max", 24.0))


def _classes(wanted: Wanted, published: open_sora.Config) -> open_sora.Config:
    """Frames by class: of the config's `bucket_config` (or a file that is nothing else), of the flags, else as published."""
    if wanted.config is not None:
        told = wanted.config.get("bucket_config", wanted.config)
        return {name: [int(frames) for frames in value] for name, value in told.items()}
    return {name: wanted.frames or frames for name, frames in published.items()}


def _diffusion_pipe(clips: Clips, wanted: Wanted) -> Placed:
    config = wanted.config or {}
    return ratios.diffusion_pipe(
        clips,
        wanted.frames or config.get("frame_buckets", (1, 33, 65, 97)),
        rate=wanted.fps or 16.0,
        min_ar=config.get("min_ar", 0.5),
        max_ar=config.get("max_ar", 2.0),
        n_ars=config.get("num_ar_buckets", 7),
    )


def _musubi_tuner(clips: Clips, wanted: Wanted) -> Placed:
    config = wanted.config or {}
    block = {**config.get("general", {}), **next(iter(config.get("datasets", [])), {})}
    width, height = wanted.size or block.get("resolution", (960, 544))
    return ratios.musubi_tuner(
        clips,
        wanted.frames or block.get("target_frames", (25, 45)),
        size=(width, height),
        rate=wanted.fps,
        source_fps=clips.fps,
    )


def _sizes(wanted: Wanted, frames: tuple[int, ...], sides: tuple[tuple[int, int], ...]) -> list[sized.Size]:
    given = (wanted.size,) if wanted.size else sides
    return [(length, height, width) for length in wanted.frames or frames for width, height in given]


def _finetrainers(clips: Clips, wanted: Wanted) -> Placed:
    sides = tuple((width, height) for height in _SIDES for width in _SIDES)
    told = (wanted.config or {}).get("video_resolution_buckets")
    return sized.finetrainers(clips, [tuple(size) for size in told] if told else _sizes(wanted, (49,), sides))


def _ltx(clips: Clips, wanted: Wanted) -> Placed:
    return sized.ltx(clips, _sizes(wanted, (25, 49, 89, 121), ((960, 544), (544, 960), (768, 768))))


def _fixed(frames: int, fps: float, size: tuple[int, int]) -> Callable[[Clips, Wanted], Placed]:
    def placed(clips: Clips, wanted: Wanted) -> Placed:
        width, height = wanted.size or size
        length = (wanted.frames or (frames,))[0]
        if length % 4 != 1:
            raise ValueError(f"{length} frames: the model takes 4 n + 1, for example {length // 4 * 4 + 1}")
        return sized.fixed(clips, (length, height, width), fps=wanted.fps or fps)

    return placed


_SIDES = (256, 320, 384, 480, 512, 576, 720, 768, 960, 1024, 1280, 1536)
TRAINERS: dict[str, Callable[[Clips, Wanted], Placed]] = {
    "open-sora-1.2": _open_sora_1(open_sora.STAGES_1_2),
    "open-sora-1.3": _open_sora_1(open_sora.STAGES_1_3),
    "open-sora-2.0": _open_sora_2,
    "diffusion-pipe": _diffusion_pipe,
    "musubi-tuner": _musubi_tuner,
    "finetrainers": _finetrainers,
    "ltx": _ltx,
    "wan-2.1": _fixed(81, 16.0, (832, 480)),
    "hunyuan": _fixed(129, 24.0, (1280, 720)),
}
"""By name."""
