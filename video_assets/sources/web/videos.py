"""One web video onto the disk: where its files are, whether they are videos at all, and the files.

YouTube and the other sites that yt-dlp knows are asked through its extractors; every other address must be a video file, or an
HLS or DASH manifest: a web page that stands where a video was is never searched for another one.
Belongs here: finding and fetching, faults as `WebFaultError`. Does not belong here: connections (`sources.web.client`), how often
and when to ask again (`sources.web.rules.when_to_pause`), cutting.
"""

import contextlib
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, Self, TypedDict
from urllib.parse import urlsplit

import yt_dlp
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import YoutubeDLError

from video_assets.media.iso_boxes import length_in
from video_assets.settings.sources import MiraData
from video_assets.sources.web.client import Progress, WebClient
from video_assets.sources.web.explaining import WebFaultError, explained
from video_assets.sources.web.guard import check_url
from video_assets.sources.web.rules.faults import content_kind, page_reason
from video_assets.sources.web.ways import hiding
from video_assets.storage.space import explained_space, require_space

_HEAD_BYTES = 4096
_PAGE_BYTES = 1 << 16
_PROTOCOLS = {"http", "https", "m3u8_native", "http_dash_segments"}


class FileInfo(TypedDict):
    """What yt-dlp knows of a file, as far as anybody here reads it; it is given back all of it."""

    url: str
    id: NotRequired[str]
    ext: NotRequired[str]
    protocol: NotRequired[str | None]
    vcodec: NotRequired[str | None]
    filesize: NotRequired[int | None]
    http_headers: NotRequired[dict[str, str] | None]


@dataclass(frozen=True)
class WebFile:
    """One file of a web video: "video" (with or without sound) or "audio". `has_ranges`: parts of it can be asked for."""

    role: str
    info: FileInfo
    n_bytes: int | None
    has_ranges: bool

    @property
    def url(self) -> str:
        """Its address; secret parts of it are valid for hours."""
        return self.info["url"]

    @property
    def headers(self) -> dict[str, str]:
        """What the site wants to be told by whoever asks for it."""
        return dict(self.info.get("http_headers") or {})


@dataclass(frozen=True)
class WebVideo:
    """A web video that can be fetched. `height` in pixels; unknown numbers are None."""

    files: tuple[WebFile, ...]
    duration_s: float | None = None
    height: int | None = None

    @property
    def n_bytes(self) -> int | None:
        """Bytes of all files."""
        sizes = [file.n_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def has_ranges(self) -> bool:
        """True when parts can be asked for of every file."""
        return all(file.has_ranges and file.n_bytes for file in self.files)


@dataclass
class _Watch:
    """Bytes and time that the web video in hand has taken so far."""

    settings: MiraData
    n_done: int = 0
    current: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def on_progress(self, status: Progress) -> None:
        """Called by yt-dlp's downloaders after each block.

        Raises:
            WebFaultError: too large or too slow.
        """
        self.current[str(status.get("filename"))] = max(
            int(status.get("downloaded_bytes") or 0), int(status.get("total_bytes") or 0) if "fragment_index" not in status else 0
        )
        if sum(self.current.values()) > self.settings.max_source_bytes:
            raise _too_large(self.settings, sum(self.current.values()))
        if time.monotonic() - self.started > self.settings.max_source_s:
            raise WebFaultError("too_slow", f"not done after {self.settings.max_source_s:,.0f} s (miradata.max_source_s)")


def _too_large(settings: MiraData, n_bytes: int) -> WebFaultError:
    detail = f"{n_bytes / 1024**3:,.2f} GiB or more; miradata.max_source_gib is {settings.max_source_gib:g}"
    return WebFaultError("source_too_large", detail)


class WebVideos:
    """Finds and fetches web videos with one client, whose cookies and player caches serve all of them."""

    def __init__(self, settings: MiraData, *, cache: Path) -> None:
        self._settings = settings
        self._watch = _Watch(settings)
        self._hide = hiding(settings)
        self._client = WebClient(settings, cache=cache, on_progress=self._on_progress)

    def _on_progress(self, status: Progress) -> None:
        self._watch.on_progress(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.close()

    def find(self, url: str) -> WebVideo:
        """Where the files of the web video at `url` are.

        Raises:
            WebFaultError: it cannot be had.
        """
        with explained(self._hide):
            check_url(url, self._client.allowed)
            if _is_of_known_site(url):
                return self._ask_extractors(url)
            return self._ask_server(url)

    def fetch(self, video: WebVideo, folder: Path, name: str) -> dict[str, Path]:
        """Bring all files of `video` into `folder`; returns them by role. A file that a killed run has left is continued.

        Raises:
            WebFaultError: it cannot be had.
            NoSpaceError: the disk is full.
        """
        if video.n_bytes and video.n_bytes > self._settings.max_source_bytes:
            raise _too_large(self._settings, video.n_bytes)
        self._watch = _Watch(self._settings)
        folder.mkdir(parents=True, exist_ok=True)
        require_space(folder, video.n_bytes or 0, purpose=f"the download of {name}")
        files = {file.role: folder / f"{name}.{file.role}" for file in video.files}
        for file in video.files:
            with explained_space(folder, purpose=f"the download of {name}"), explained(self._hide):
                self._fetch_one(file, files[file.role])
        return files

    def _fetch_one(self, file: WebFile, path: Path) -> None:
        is_whole, _ = self._client.dl(str(path), dict(file.info))
        if not is_whole or not path.exists():
            raise WebFaultError("network", "the download ended before its end")
        with path.open("rb") as opened:
            head = opened.read(_PAGE_BYTES)
        if content_kind(head[:_HEAD_BYTES]) in {"page", "manifest"}:
            path.unlink()
            raise _no_video(head, "text instead of a video")

    def _ask_extractors(self, url: str) -> WebVideo:
        info = self._client.extract_info(url, download=False)
        if info is None or info.get("_type", "video") != "video":
            raise WebFaultError("not_a_video", "the address is that of a list or channel, not of one video")
        if info.get("is_live") or info.get("live_status") in {"is_live", "is_upcoming", "post_live"}:
            raise WebFaultError("live_or_premiere", f"live status: {info.get('live_status') or 'live'}")
        formats = info.get("requested_formats") or [info]
        return WebVideo(
            files=tuple(_file(part) for part in formats),
            duration_s=info.get("duration"),
            height=formats[0].get("height"),
        )

    def _ask_server(self, url: str) -> WebVideo:
        """A first look at a plain address: its status, and by its first bytes what it is."""
        request = Request(url, headers={"Range": f"bytes=0-{_HEAD_BYTES - 1}", "Accept-Encoding": "identity"})
        with self._open(request) as answer:
            head = _read_at_least(answer, 1024, most=_HEAD_BYTES)
            kind, headers = content_kind(head), answer.headers
            status, final = answer.status, answer.url
            page = head + _read_at_least(answer, _PAGE_BYTES, most=_PAGE_BYTES) if kind == "page" else head
        if kind == "manifest":
            return self._ask_extractors(final)
        said = headers.get_content_type() if "Content-Type" in headers else ""
        if kind == "page" or said.startswith(("text/", "image/")) or not head:
            raise _no_video(page, said or "something")
        total = re.fullmatch(r"bytes \d+-\d+/(\d+)", headers.get("Content-Range", "")) if status == 206 else None
        length = headers.get("Content-Length", "")
        n_bytes = int(total[1]) if total else (int(length) if status == 200 and length.isdigit() else None)
        info: FileInfo = {"url": url, "protocol": urlsplit(url).scheme.lower(), "http_headers": {}, "ext": "mp4", "id": "video"}
        return WebVideo(files=(WebFile("video", info, n_bytes, has_ranges=total is not None),), duration_s=length_in(head))

    def _open(self, request: Request) -> Any:
        """The answer; a page that comes with an error's status may say that it is for robots."""
        try:
            return self._client.urlopen(request)
        except HTTPError as error:
            with contextlib.suppress(OSError, ValueError, YoutubeDLError):  # without its page the status says enough
                page = error.response.read(_PAGE_BYTES)
                if reason := page_reason(page):
                    raise WebFaultError(reason, f"{error}: {_excerpt(page)}", http_status=error.status) from error
            raise


def _is_of_known_site(url: str) -> bool:
    return any(extractor.suitable(url) and extractor.IE_NAME != "generic" for extractor in gen_extractor_classes())


def _file(info: FileInfo) -> WebFile:
    protocol = info.get("protocol") or urlsplit(info["url"]).scheme
    if protocol not in _PROTOCOLS:
        raise WebFaultError("no_format", f"the best format comes by {protocol}, which is not downloaded")
    role = "audio" if info.get("vcodec") == "none" else "video"
    n_bytes = info.get("filesize")
    return WebFile(role, {**info, "id": info.get("id", "video")}, n_bytes, has_ranges=protocol in {"http", "https"})


def _read_at_least(answer: Any, n_bytes: int, *, most: int) -> bytes:
    head = b""
    while len(head) < n_bytes and (block := answer.read(most - len(head))):
        head += block
    return head


def _no_video(page: bytes, what: str) -> WebFaultError:
    return WebFaultError(page_reason(page) or "not_a_video", f"the server sent {what} that begins {_excerpt(page)}")


def _excerpt(page: bytes) -> str:
    """The title of a page, else how it begins."""
    title = re.search(rb"<title[^>]*>(.*?)</title", page, re.IGNORECASE | re.DOTALL)
    words = " ".join((title[1] if title else page[:60]).decode("utf-8", "replace").split())
    return repr(words[:80])


def tool_versions() -> str:
    """What fetches."""
    return f"yt-dlp {yt_dlp.version.__version__}"
