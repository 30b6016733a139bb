"""What trainers and loaders can take, as facts: one `Consumer` per export target.

The facts were read in the consumers' own code. Kept without pandas, since settings and Dagster's definitions read the names.
Belongs here: what each consumer refuses, and the words for it. Does not belong here: holding rows against it
(`select.rules.lint`), files (`exports`).
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from video_assets.core.codecs import all_names

_AV1 = all_names(["av1"])
_OPEN_SORA = (".mp4", ".avi", ".mov", ".mkv")


@dataclass(frozen=True)
class Consumer:
    """One reader of exports.

    `suffixes` are file name endings in lower case, empty: any. `codecs_refused` are FFmpeg's decoder names that its reader lacks.
    `is_pandas_csv`: pandas' default reader takes words such as "None" for missing. `takes_rotated`: it hands clips on as they are
    and leaves the display rotation to others. `takes_variable_rate`: it does not count on one rate per clip.
    `takes_unstated_rate`: its reader opens a clip whose container states no frame rate. `opens_clips`: the export links or reads
    the clips. `is_handed_on`: it goes to other people, so it names no path of this machine and has the hash of each clip's bytes.
    """

    description: str
    suffixes: tuple[str, ...] = ()
    codecs_refused: frozenset[str] = frozenset()
    min_frames: int = 1
    is_pandas_csv: bool = False
    takes_rotated: bool = False
    takes_variable_rate: bool = True
    takes_unstated_rate: bool = True
    opens_clips: bool = False
    is_handed_on: bool = False


CONSUMERS: Mapping[str, Consumer] = {
    "open-sora-1.2": Consumer("Open-Sora 1.2: CSV", suffixes=_OPEN_SORA, is_pandas_csv=True),
    "open-sora-1.3": Consumer("Open-Sora 1.3: CSV", suffixes=_OPEN_SORA, is_pandas_csv=True),
    "open-sora-2.0": Consumer("Open-Sora 2.0: CSV", suffixes=_OPEN_SORA, is_pandas_csv=True, takes_variable_rate=False),
    "open-sora-2.0-sharded": Consumer(
        "Open-Sora 2.0 with memory_efficient: Parquet and its shards", suffixes=_OPEN_SORA, takes_variable_rate=False
    ),
    "finetrainers": Consumer("finetrainers: folder of clips with metadata.jsonl", opens_clips=True),
    "diffusion-pipe": Consumer(
        "diffusion-pipe: folder of clips with captions.json, dataset.toml",
        suffixes=(".mp4", ".mov", ".avi", ".mkv", ".mpg", ".mpeg", ".wmv", ".m4v", ".webm"),
        takes_variable_rate=False,
        opens_clips=True,
    ),
    "musubi-tuner": Consumer("musubi-tuner: one JSONL per frame rate, dataset.toml", takes_variable_rate=False, opens_clips=True),
    "videox-fun": Consumer("VideoX-Fun: JSON", codecs_refused=_AV1, takes_unstated_rate=False),
    "diffsynth": Consumer(
        "DiffSynth-Studio: metadata.csv",
        suffixes=(".mp4", ".avi", ".mov", ".wmv", ".mkv", ".flv", ".webm"),
        is_pandas_csv=True,
    ),
    "ltx": Consumer("LTX trainer: folder of clips with dataset.jsonl", opens_clips=True),
    "videofolder": Consumer(
        "Hugging Face VideoFolder: folder of clips with metadata.parquet",
        takes_rotated=True,
        opens_clips=True,
    ),
    "ai-toolkit": Consumer(
        "ai-toolkit: captions.json",
        suffixes=(".mp4", ".avi", ".mov", ".webm", ".mkv", ".wmv", ".m4v", ".flv"),
        codecs_refused=_AV1,
        takes_variable_rate=False,
    ),
    "simpletuner": Consumer(
        "SimpleTuner: folder of clips with metadata.parquet, multidatabackend.json",
        suffixes=(".mp4", ".mov", ".avi", ".mkv", ".webm"),
        opens_clips=True,
    ),
    "cosmos-predict2.5": Consumer(
        "cosmos-predict2.5: videos/*.mp4 and metas/*.txt",
        suffixes=(".mp4",),
        codecs_refused=_AV1,
        min_frames=94,
        takes_unstated_rate=False,
        opens_clips=True,
    ),
    "energon": Consumer(
        "Megatron-Energon: JSONL beside the clips, for `energon prepare`",
        suffixes=(".mp4", ".avi", ".mov", ".webm", ".mkv", ".flv"),
        takes_unstated_rate=False,
        opens_clips=True,
    ),
    "webdataset": Consumer("WebDataset: tar shards of clips, captions and numbers", takes_rotated=True, opens_clips=True),
    "lance": Consumer("Lance: one table with the clips in it as blobs", takes_rotated=True, opens_clips=True),
    "hub-folder": Consumer(
        "a folder for `hf upload`: table, card, pictures and Croissant metadata, without the clips",
        takes_rotated=True,
        is_handed_on=True,
    ),
}
"""By target, in the order in which they are listed."""

BUCKETS: Mapping[str, str] = {
    **{name: name for name in ("open-sora-1.2", "open-sora-1.3", "open-sora-2.0", "diffusion-pipe", "musubi-tuner")},
    **{name: name for name in ("finetrainers", "ltx")},
    "open-sora-2.0-sharded": "open-sora-2.0",
}
"""By target, the trainer of the census whose buckets it fills; other targets have none, or none that are known."""


REFUSALS: Mapping[str, str] = {
    "suffix_refused": "the trainer does not take files with this ending; remux the clip",
    "codec_refused": "the trainer's reader has no decoder for the clip's codec; transcode the clip",
    "caption_read_as_missing": "the trainer reads CSV with pandas, which takes this caption (None, null, NA, ...) for no caption",
    "rotated": "the clip is stored turned: the trainer would see it lying on its side, or with height and width exchanged",
    "variable_rate": "frame durations differ, and the trainer counts on one rate",
    "rate_not_stated": "the container states no frame rate, and the trainer's reader gives up without one; remux the clip to MP4",
    "too_few_frames": "fewer frames than the trainer needs at least",
}
"""Why a consumer cannot take a clip, in the order in which that is asked (`select.rules.lint`)."""


def trainers_with_buckets(targets: Iterable[str]) -> list[str]:
    """Trainers of the census for these targets, each once."""
    return list(dict.fromkeys(BUCKETS[name] for name in targets if name in BUCKETS))


def unknown_target(name: str) -> str:
    """The sentence about a name that is no target."""
    return f"there is no target {name!r}; there are: {', '.join(CONSUMERS)}"


def unknown_refusal(name: str) -> str:
    """The sentence about a word that is none of `REFUSALS`, with the nearest."""
    close = difflib.get_close_matches(name, REFUSALS, n=1)
    return f"no clip is left out for {name!r}; " + (f"did you mean {close[0]}?" if close else f"there are: {', '.join(REFUSALS)}")
