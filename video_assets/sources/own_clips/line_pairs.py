"""Two text files of equal length: `videos.txt` names a clip per line, `prompts.txt` beside it has the caption of the same line.

Belongs here: that pair. Does not belong here: caption files beside single clips (`sources.own_clips.sidecars`).
"""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import IO

from video_assets.core.captions import CaptionRow, caption_of
from video_assets.core.errors import SourceError
from video_assets.sources.fetching.csv_rows import opened_unchanging
from video_assets.sources.own_clips.table_rows import TableOptions
from video_assets.storage.encodings import opened_as_text

VIDEO_LISTS = ("videos.txt", "video.txt")
PROMPT_LISTS = ("prompts.txt", "prompt.txt", "captions.txt", "caption.txt")


def read_line_pair(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The pair that the list of videos `path` is one half of; lines that are blank in both are no rows.

    Raises:
        SourceError: the other half is not there, or one has more lines.
    """
    prompts = prompts_of(path)
    with (
        opened_unchanging(prompts) as other,
        opened_as_text(file, path, encoding=options.encoding, notes=notes) as videos,
        opened_as_text(other, prompts, encoding=options.encoding, notes=notes) as captions,
    ):
        for number, (video, caption) in enumerate(zip_longest(_lines(videos), _lines(captions)), start=1):
            if (video is None and caption) or (caption is None and video):
                longer, shorter = (path, prompts) if caption is None else (prompts, path)
                raise SourceError(f"{longer}, line {number}: {shorter.name} has no such line; both need a line for each clip")
            if video or caption:
                text, problem = caption_of(caption or "")
                yield CaptionRow(number, video or "", text, "{}", problem)


def prompts_of(path: Path) -> Path:
    """The captions that go with a list of videos.

    Raises:
        SourceError: there are none.
    """
    found = [other for name in PROMPT_LISTS if (other := path.with_name(name)).is_file()]
    if path.name not in VIDEO_LISTS or not found:
        raise SourceError(
            f"{path}: a text file is a captions table only when it is called {' or '.join(VIDEO_LISTS)} and "
            f"{', '.join(PROMPT_LISTS[:-1])} or {PROMPT_LISTS[-1]} lies beside it, with the caption of each line"
        )
    return found[0]


def _lines(text: Iterator[str]) -> Iterator[str]:
    return (line.rstrip("\r\n") for line in text)
