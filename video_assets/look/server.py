"""The application: addresses to answers.

Belongs here: what each address answers. Does not belong here: who may ask (`look.security`), queries (`look.index`), the page
(`static`), starting it (`look.serve`).
"""

import asyncio
import csv
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import xxhash
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from video_assets.core.errors import MendableError
from video_assets.core.funnel import stage_rank
from video_assets.core.json_values import JsonObject
from video_assets.explain.reasons import MEANINGS
from video_assets.look.catalogue import Catalogue
from video_assets.look.changes import read_change
from video_assets.look.clip import NotServedError, card, file_of, whole
from video_assets.look.index import Clip, Index, WordsNotReadyError
from video_assets.look.rules import Ask, AskError, read_ask, read_order
from video_assets.look.security import Access, Guard
from video_assets.look.thumbnails import BOXES, Pictured, Thumbnails
from video_assets.publish.exclusions import Exclusion, ExclusionError, change_exclusions, exclusions_hash, read_exclusions
from video_assets.publish.manifest import read_manifest
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

STATIC = Path(__file__).parent / "static"


class Page:
    """All answers of one data root."""

    def __init__(self, layout: Layout, load_settings: Callable[[], Settings], *, can_edit: bool) -> None:
        self._layout, self._can_edit = layout, can_edit
        self._catalogue = Catalogue(layout, load_settings)
        self._thumbnails: Thumbnails | None = None
        self._excluded: tuple[str, dict[str, Exclusion]] = ("", {})

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Tables and workers, as long as the server runs."""
        self._catalogue.start()
        self._thumbnails = Thumbnails(self._layout, self._catalogue.settings)
        yield
        await run_in_threadpool(self._thumbnails.close)
        await run_in_threadpool(self._catalogue.close)

    @property
    def routes(self) -> list[Route | Mount]:
        """Addresses."""
        return [
            Route("/", self._front),
            Route("/healthz", self._health),
            Route("/api/state", _in_thread(self._state)),
            Route("/api/clips", _in_thread(self._clips)),
            Route("/api/facets", _in_thread(self._facets)),
            Route("/api/clip", _in_thread(self._clip)),
            Route("/api/list.csv", _in_thread(self._list)),
            Route("/api/exclude", self._exclude, methods=["POST"]),
            Route("/thumbnail", self._thumbnail),
            Route("/media", _in_thread(self._media)),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def _front(self, _request: Request) -> Response:
        return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8")

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def _state(self, _request: Request) -> Response:
        index, catalogue = self._catalogue.index, self._catalogue
        try:
            n_excluded, trouble = len(self._exclusions()), ""
        except ExclusionError as error:
            n_excluded, trouble = 0, str(error)
        facts = {
            "data_root": str(self._layout.root),
            "can_edit": self._can_edit,
            "is_reading": catalogue.is_reading,
            "why_no_words": "" if index is None else index.why_no_words,
            "are_words_coming": index is not None and index.are_words_coming,
            "trouble": catalogue.trouble,
            "exclusion_trouble": trouble,
            "excluded": n_excluded,
            "publication": self._publication(),
        }
        return JSONResponse({**facts, "tables": None if index is None else _tables(index)})

    def _publication(self) -> JsonObject | None:
        path = self._layout.manifest(self._catalogue.settings.product_name)
        try:
            manifest = read_manifest(path)
            made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="minutes")
        except (StageError, OSError):
            return None
        return {"version": manifest.version, "kept": manifest.counts.kept, "made_at": made_at}

    def _clips(self, request: Request) -> Response:
        index = self._index()
        order = read_order(request.query_params, index.columns)
        ask = _ask(request, index)
        return JSONResponse({"clips": self._cards(index.page(ask, order), ask.words)})

    def _facets(self, request: Request) -> Response:
        index = self._index()
        return JSONResponse(vars(index.facets(_ask(request, index))))

    def _clip(self, request: Request) -> Response:
        index, clip = self._found(request)
        facts = whole(clip, self._layout, self._catalogue.settings, is_excluded=clip.clip_key in self._known_exclusions())
        return JSONResponse({**facts, "neighbours": self._cards(index.neighbours(clip))})

    def _list(self, request: Request) -> Response:
        index = self._index()
        headers = {"content-disposition": 'attachment; filename="clips.csv"'}
        lines = _csv(index.keys(_ask(request, index)))
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    async def _exclude(self, request: Request) -> Response:
        """Add clips to exclude.csv, or take them out of it."""
        if not self._can_edit:
            raise HTTPException(403, "this page only shows: start it with --edit to change the list")
        change = await read_change(request)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if change.is_added:
            index = self._index()
            unknown = [key for key in change.keys if await run_in_threadpool(index.find, key) is None]
            if unknown:
                raise HTTPException(400, f"no clip is called {unknown[0][:200]!r}")
        add = {key: Exclusion(change.why, now) for key in change.keys} if change.is_added else {}
        remove = () if change.is_added else change.keys
        total = await run_in_threadpool(change_exclusions, self._layout, add=add, remove=remove)
        return JSONResponse({"excluded": total})

    async def _thumbnail(self, request: Request) -> Response:
        size = request.query_params.get("size", "small")
        if size not in BOXES:
            raise HTTPException(404, f"there is no size {size[:40]!r}")
        _, clip = await run_in_threadpool(self._found, request)
        await run_in_threadpool(file_of, clip)
        if self._thumbnails is None:
            raise HTTPException(503, "not started yet")
        # In a thread: a picture that is there already is read from the storage, which may hang.
        pictured: Pictured = {
            "clip_key": clip.clip_key,
            "path": clip.path,
            "file_size": clip.file_size,
            "mtime_ns": clip.mtime_ns,
        }
        coming = await run_in_threadpool(self._thumbnails.picture, pictured, size)
        picture = await asyncio.wrap_future(coming)
        if picture.trouble:
            raise HTTPException(404, picture.trouble)
        return Response(picture.jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    def _media(self, request: Request) -> Response:
        clip_file = file_of(self._found(request)[1])
        return FileResponse(clip_file.path, media_type=clip_file.media_type, stat_result=clip_file.status)

    def _index(self) -> Index:
        index = self._catalogue.index
        if index is None:
            what = "the tables are being read" if self._catalogue.is_reading else "nothing is listed yet"
            raise HTTPException(503, self._catalogue.trouble or what)
        return index

    def _found(self, request: Request) -> tuple[Index, Clip]:
        index, key = self._index(), request.query_params.get("clip", "")
        clip = index.find(key)
        if clip is None:
            raise HTTPException(404, f"no clip is called {key[:200]!r}")
        return index, clip

    def _cards(self, clips: list[Clip], words: Sequence[str] = ()) -> list[JsonObject]:
        excluded = self._known_exclusions()
        return [card(clip, words, is_excluded=clip.clip_key in excluded) for clip in clips]

    def _exclusions(self) -> dict[str, Exclusion]:
        now = exclusions_hash(self._layout)
        if now != self._excluded[0]:
            self._excluded = (now, read_exclusions(self._layout))
        return self._excluded[1]

    def _known_exclusions(self) -> dict[str, Exclusion]:
        """Those of the file; none while it is wrong, which the state of the page tells."""
        try:
            return self._exclusions()
        except ExclusionError:
            return {}


def application(layout: Layout, load_settings: Callable[[], Settings], access: Access, *, can_edit: bool = False) -> Starlette:
    """The application for one data root."""
    page = Page(layout, load_settings, can_edit=can_edit)
    failures: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: _failure,
        NotServedError: _not_served,
        AskError: _wrong,
        MendableError: _conflict,
        WordsNotReadyError: _not_ready,
        OSError: _storage,
    }
    return Starlette(
        routes=page.routes, lifespan=page.lifespan, middleware=[Middleware(Guard, access=access)], exception_handlers=failures
    )


def _in_thread(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return answered


def _tables(index: Index) -> JsonObject:
    cells = sorted(index.cells, key=lambda cell: (*stage_rank(cell.stage), -cell.clips, cell.reason))
    return {
        "clips": index.n_clips,
        "cells": [asdict(cell) for cell in cells],
        "axes": [asdict(axis) for axis in index.axes],
        "columns": index.columns,
        "meanings": {cell.reason: MEANINGS.get(cell.reason, "") for cell in cells if cell.reason},
        "stamp": _stamp(index),
    }


def _csv(parts: Iterator[list[tuple[str, str]]]) -> Iterator[str]:
    """The list a part at a time."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["clip_key", "path"])
    for part in parts:
        writer.writerows(part)
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _stamp(index: Index) -> str:
    """The same for the same tables, also after a restart."""
    return xxhash.xxh3_64_hexdigest(repr(index.stamp).encode())


def _ask(request: Request, index: Index) -> Ask:
    return read_ask(request.query_params.multi_items(), index.columns)


async def _failure(_request: Request, error: Exception) -> Response:
    status, words = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": words}, status)


async def _wrong(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _conflict(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409)


async def _not_served(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 404)


async def _not_ready(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)


async def _storage(_request: Request, error: Exception) -> Response:
    words = f"{os.strerror(error.errno)}: {error.filename}" if isinstance(error, OSError) and error.errno else str(error)
    return JSONResponse({"error": f"the storage does not answer: {words}"}, 503)
