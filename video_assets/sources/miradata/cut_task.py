"""What a worker process does with one source video: cut clips out of it, from the disk or straight out of the web.

Belongs here: the steps that run inside workers. Does not belong here: which clips and when (`sources.miradata.batch`). Never
import this outside a worker: it loads FFmpeg.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from video_assets.core.json_values import JsonObject
from video_assets.media.clip_file import ClipFile, StorageError
from video_assets.media.cutting.cutter import Opener, cut_clip
from video_assets.media.cutting.result import CutResult
from video_assets.sources.miradata.cut_request import ClipPlace, CutAnswer, CutRequest
from video_assets.sources.web.rules.faults import Fault


def work(**request: Any) -> JsonObject:
    """`CutRequest` to `CutAnswer`, both as JSON."""
    wanted = CutRequest.from_json(request)
    return (_cut_from_web(wanted) if wanted.is_remote else _cut_from_disk(wanted)).as_json()


def _cut_from_disk(wanted: CutRequest) -> CutAnswer:
    openers: dict[str, Opener] = {role: partial(ClipFile, file.path) for role, file in wanted.files.items()}
    try:
        return CutAnswer([_cut(openers, clip, wanted.mode) for clip in wanted.clips])
    except StorageError as error:
        return CutAnswer(fault=Fault("network", str(error)))


def _cut_from_web(wanted: CutRequest) -> CutAnswer:
    from yt_dlp.utils import YoutubeDLError  # not for clips that are cut from the disk: it takes half a second to load

    from video_assets.settings.sources import MiraData
    from video_assets.sources.web.client import WebClient
    from video_assets.sources.web.explaining import fault_of, without_secrets
    from video_assets.sources.web.ranges import WebBlocks
    from video_assets.sources.web.ways import hiding

    results: list[CutResult] = []
    settings = MiraData.model_validate(wanted.settings)
    fault, folder = None, Path(wanted.folder)
    with ExitStack() as stack:
        client = WebClient(settings, cache=folder / "cache")
        stack.callback(client.close)
        limits = {"folder": folder, "max_bytes_per_s": settings.max_mib_per_s and settings.max_mib_per_s * 1024**2}
        blocks = {
            role: stack.enter_context(WebBlocks(client, file.url, file.headers, n_bytes=file.n_bytes, **limits))
            for role, file in wanted.files.items()
        }
        openers: dict[str, Opener] = {role: each.open for role, each in blocks.items()}
        try:
            results.extend(_cut(openers, clip, wanted.mode) for clip in wanted.clips)
        except YoutubeDLError as error:
            fault = without_secrets(fault_of(error), hiding(settings)).fault
    return CutAnswer(results, fault, sum(each.n_fetched for each in blocks.values()))


def _cut(openers: dict[str, Opener], clip: ClipPlace, mode: str) -> CutResult:
    audio = openers.get("audio", openers["video"])
    return cut_clip(openers["video"], audio, target=Path(clip.target), place=clip.place, mode=mode)
