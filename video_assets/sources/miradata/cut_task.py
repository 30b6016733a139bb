"""What a worker process does with one source video: cut clips out of it, from the disk or straight out of the web.

Belongs here: the steps that run inside workers. Does not belong here: which clips and when (`sources.miradata.batch`). Never
import this outside a worker: it loads FFmpeg.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from video_assets.media.clip_file import ClipFile, StorageError
from video_assets.media.cutting.cutter import Opener, cut_clip


def work(
    files: dict[str, dict[str, Any]], clips: list[dict[str, Any]], mode: str, settings: dict[str, Any], folder: str
) -> dict[str, Any]:
    """Cut `clips` (target, start_s, end_s) out of the source video whose files are given by role: {"path"} or {"url", ...}.

    Returns:
        `results`: one of `clip_cutter.cut_clip` per clip, in order, as far as the source could be read; `fault`: why it could not
        (reason, detail, http_status), else None; `n_bytes`: what was read from the web.
    """
    openers: dict[str, Opener] = {role: partial(ClipFile, file["path"]) for role, file in files.items() if "path" in file}
    if openers:
        try:
            results, fault = [_cut(openers, clip, mode) for clip in clips], None
        except StorageError as error:
            results, fault = [], {"reason": "network", "detail": str(error), "http_status": None}
        return {"results": results, "fault": fault, "n_bytes": 0}
    return _cut_from_web(files, clips, mode, settings, Path(folder))


def _cut_from_web(
    files: dict[str, dict[str, Any]], clips: list[dict[str, Any]], mode: str, settings: dict[str, Any], folder: Path
) -> dict[str, Any]:
    from yt_dlp.utils import YoutubeDLError  # not for clips that are cut from the disk: it takes half a second to load

    from video_assets.settings.sources import MiraData
    from video_assets.sources.web.client import WebClient
    from video_assets.sources.web.ranges import WebBlocks
    from video_assets.sources.web.videos import fault_of

    results: list[dict[str, Any]] = []
    fault = None
    with ExitStack() as stack:
        client = WebClient(MiraData(**settings), cache=folder / "cache")
        stack.callback(client.close)
        blocks = {
            role: stack.enter_context(WebBlocks(client, file["url"], file["headers"], n_bytes=file["n_bytes"], folder=folder))
            for role, file in files.items()
        }
        openers: dict[str, Opener] = {role: each.open for role, each in blocks.items()}
        try:
            results.extend(_cut(openers, clip, mode) for clip in clips)
        except YoutubeDLError as error:
            found = fault_of(error)
            fault = {"reason": found.reason, "detail": found.detail, "http_status": found.http_status}
    return {"results": results, "fault": fault, "n_bytes": sum(each.n_fetched for each in blocks.values())}


def _cut(openers: dict[str, Opener], clip: dict[str, Any], mode: str) -> dict[str, Any]:
    place = {"target": Path(clip["target"]), "start_s": clip["start_s"], "end_s": clip["end_s"]}
    return cut_clip(openers["video"], openers.get("audio", openers["video"]), mode=mode, **place)
