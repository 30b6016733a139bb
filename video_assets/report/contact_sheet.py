"""Contact sheets: what some kept clips look like with their captions, and some dropped clips of each reason.

Belongs here: which clips, and the grid. Does not belong here: decoding a frame (`media.thumbnails`, in worker processes, since
dropped clips are the hostile ones).
"""

import base64
import os
import random
import textwrap
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from video_assets.checking.check import WORK
from video_assets.core import results
from video_assets.core.schema import DROPPED
from video_assets.core.units import duration, number, shorten_middle
from video_assets.report.style import INK, MUTED, WIDTH_PX, new_figure, own_look, readable, text, webp
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import rows_at
from video_assets.storage.tables import count_rows, read_table
from video_assets.workers.cpus import cpu_count
from video_assets.workers.pool import Limits, Task, WorkerPool

_COLUMNS = 4
_BOX_PX = (213, 120)
_GAP_PX = (WIDTH_PX - _COLUMNS * _BOX_PX[0]) / (_COLUMNS + 1)
_LINE_PX = 14
_NAME_CHARS = 32
_WORDS_CHARS = 38  # of smaller letters
_MAX_LINES = 5
_LABEL_PX = _MAX_LINES * _LINE_PX + 8
_TIMEOUT_S = 30.0
# Where one clip of a reason shows no frame, another one may.
_TRIES_PER_REASON = 12
_MAX_PER_REASON, _MIN_PER_REASON, _MAX_DROPPED = 4, 2, 16

Thumbnail = tuple[str, np.ndarray]
"""A label of up to five lines (the first is bold) and height x width x 3 uint8 pixels that fit into 213 x 120."""


def contact_sheets(layout: Layout, settings: Settings, *, n_kept: int = 12, seed: int = 0) -> dict[str, bytes]:
    """WebP pictures `kept_clips` (a random choice) and `dropped_clips` (several per reason, where a frame decodes).

    Clips that a source refused are not opened: their files may lie where they must not be read.

    Raises:
        FileNotFoundError: nothing is published.
        WorkerError: workers cannot start.
    """
    chance = random.Random(seed)  # noqa: S311 - a choice of pictures
    kept = _kept(layout, settings, n_kept, chance)
    dropped = _dropped(layout, chance)
    found = _thumbnails([path for _, path in [*kept, *(clip for clips in dropped for clip in clips)]], settings)
    n_each = max(_MIN_PER_REASON, min(_MAX_PER_REASON, _MAX_DROPPED // max(1, len(dropped))))
    shown = [clip for clips in dropped for clip in [(label, path) for label, path in clips if path in found][:n_each]]
    return {
        "kept_clips": contact_sheet_webp([(label, found[path]) for label, path in kept if path in found]),
        "dropped_clips": contact_sheet_webp([(label, found[path]) for label, path in shown]),
    }


@own_look()
def contact_sheet_webp(thumbnails: Sequence[Thumbnail]) -> bytes:
    """The pictures in rows of four, each above its label."""
    n_rows = max(1, -(-len(thumbnails) // _COLUMNS))
    height_px = round(n_rows * (_BOX_PX[1] + _LABEL_PX + _GAP_PX) + _GAP_PX)
    figure = new_figure(height_px)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for index, (label, pixels) in enumerate(thumbnails):
        row, column = divmod(index, _COLUMNS)
        left = round(_GAP_PX + column * (_BOX_PX[0] + _GAP_PX))
        top = round(_GAP_PX + row * (_BOX_PX[1] + _LABEL_PX + _GAP_PX))
        height, width, _ = pixels.shape
        x, y = left + (_BOX_PX[0] - width) // 2, top + (_BOX_PX[1] - height) // 2
        axes.imshow(np.full((1, 1, 3), 238, np.uint8), extent=(left, left + _BOX_PX[0], top + _BOX_PX[1], top))
        axes.imshow(pixels, extent=(x, x + width, y + height, y), interpolation="nearest")
        for line, words in enumerate(label.split("\n")[:_MAX_LINES]):
            place, is_name = (left, top + _BOX_PX[1] + 12 + _LINE_PX * line), line == 0
            text(axes, *place, words, is_bold=is_name, color=INK if is_name else MUTED, fontsize=7.5 if is_name else 7)
    if not thumbnails:
        text(axes, WIDTH_PX / 2, height_px / 2, "no clip to show", ha="center", color=MUTED, fontsize=10)
    axes.set(xlim=(0, WIDTH_PX), ylim=(height_px, 0), aspect="auto")
    return webp(figure)


def _kept(layout: Layout, settings: Settings, n_kept: int, chance: random.Random) -> list[tuple[str, str]]:
    """Label and absolute path of a random choice, in the table's order."""
    table = layout.training_table(settings.product_name)
    chosen = sorted(chance.sample(range(n_rows := count_rows(table)), min(n_kept, n_rows)))
    root = settings.training.relative_to or layout.root
    columns = ["path", "text", "num_frames", "height", "width", "fps"]
    labelled = []
    for path, caption, frames, height, width, fps in rows_at(table, chosen, columns):
        numbers = f"{width}x{height}, {number(fps)} fps, {duration(frames / fps)}"
        labelled.append((_label(path, numbers, caption), os.path.join(root, path)))  # noqa: PTH118
    return labelled


def _dropped(layout: Layout, chance: random.Random) -> list[list[tuple[str, str]]]:
    """For each reason in order of the alphabet: labels and absolute paths of a few clips."""
    rows = read_table(layout.dropped, DROPPED).rows
    rows = rows[rows["stage"] != rows["source"]]
    clips = []
    for reason, group in rows.groupby("reason"):
        some = group.iloc[chance.sample(range(len(group)), min(_TRIES_PER_REASON, len(group)))]
        clips.append(
            [(_label(str(reason), _name(path), detail), path) for path, detail in zip(some["path"], some["detail"], strict=True)]
        )
    return clips


def _label(head: str, second: str, words: str) -> str:
    """A line each for `head` and `second`, the others for as many `words` as fit."""
    lines = textwrap.wrap(readable(words[:1_000]), _WORDS_CHARS, max_lines=_MAX_LINES - 2, placeholder=" …")
    return "\n".join([_name(head), second, *lines])


def _name(path: str) -> str:
    return shorten_middle(" ".join(readable(PurePosixPath(path).name).split()), _NAME_CHARS)


def _thumbnails(paths: list[str], settings: Settings) -> dict[str, np.ndarray]:
    """Pixels by path, of those clips that show a frame."""
    limits = Limits(timeout_s=_TIMEOUT_S, cpu_s=_TIMEOUT_S, memory_bytes=settings.decode.memory_mib << 20)
    box = {"width_px": _BOX_PX[0], "height_px": _BOX_PX[1]}
    tasks = [Task(id=path, kwargs={"step": "thumbnail", "path": path, **box}) for path in dict.fromkeys(paths)]
    with WorkerPool(WORK, n_workers=settings.decode.workers or cpu_count(), limits=limits) as pool:
        answers = {outcome.id: outcome.result for outcome in pool.run(tasks)}
    made = {path: results.Thumbnail.from_json(answer) for path, answer in answers.items() if answer}
    return {path: _pixels(picture) for path, picture in made.items() if picture.rgb}


def _pixels(picture: results.Thumbnail) -> np.ndarray:
    return np.frombuffer(base64.b64decode(picture.rgb), np.uint8).reshape(picture.height, picture.width, 3)
