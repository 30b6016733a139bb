"""The application: addresses to answers.

Belongs here: what each address answers. Does not belong here: who may ask (`look.security`), queries (`look.index`), the page
(`static`), starting it (`look.serve`).
"""

import asyncio
import csv
import io
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from video_assets.core.errors import MendableError
from video_assets.core.funnel import stage_rank
from video_assets.explain.reasons import MEANINGS
from video_assets.look.catalogue import Catalogue
from video_assets.look.clip import NotServedError, card, file_of, whole
from video_assets.look.index import Index
from video_assets.look.rules import Ask, AskError, read_ask, read_order
from video_assets.look.security import Access, Guard
from video_assets.look.thumbnails import BOXES, Thumbnails
from video_assets.publish.exclusions import Exclusion, ExclusionError, change_exclusions, exclusions_hash, read_exclusions
from video_assets.publish.manifest import read_manifest
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

STATIC = Path(__file__).parent / "static"
_MAX_ROWS = 2_000_000
_MAX_BODY = 4 << 20
_MAX_KEYS = 10_000
_MAX_WHY = 500


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
            "trouble": catalogue.trouble,
            "exclusion_trouble": trouble,
            "excluded": n_excluded,
            "publication": self._publication(),
        }
        return JSONResponse({**facts, "tables": None if index is None else _tables(index)})

    def _publication(self) -> dict[str, Any] | None:
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
        rows = index.page(_ask(request, index), order)
        return JSONResponse({"clips": self._cards(rows), "stamp": _stamp(index)})

    def _facets(self, request: Request) -> Response:
        index = self._index()
        return JSONResponse({**index.facets(_ask(request, index)), "stamp": _stamp(index)})

    def _clip(self, request: Request) -> Response:
        index, row = self._row(request)
        facts = whole(row, self._layout, self._catalogue.settings, is_excluded=row["clip_key"] in self._known_exclusions())
        return JSONResponse({**facts, "neighbours": self._cards(index.neighbours(row))})

    def _list(self, request: Request) -> Response:
        index = self._index()
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["clip_key", "path"])
        writer.writerows(index.keys(_ask(request, index), limit=_MAX_ROWS))
        headers = {"content-disposition": 'attachment; filename="clips.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    async def _exclude(self, request: Request) -> Response:
        """Add clips to exclude.csv, or take them out of it."""
        if not self._can_edit:
            raise HTTPException(403, "this page only shows: start it with --edit to change the list")
        keys, why, is_added = _read_change(await _body(request))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if is_added:
            index = self._index()
            unknown = [key for key in keys if await run_in_threadpool(index.find, key) is None]
            if unknown:
                raise HTTPException(400, f"no clip is called {unknown[0][:200]!r}")
        add = {key: Exclusion(why, now) for key in keys} if is_added else {}
        total = await run_in_threadpool(change_exclusions, self._layout, add=add, remove=() if is_added else keys)
        return JSONResponse({"excluded": total})

    async def _thumbnail(self, request: Request) -> Response:
        size = request.query_params.get("size", "small")
        if size not in BOXES:
            raise HTTPException(404, f"there is no size {size[:40]!r}")
        _, row = await run_in_threadpool(self._row, request)
        clip_file = await run_in_threadpool(file_of, row)
        if self._thumbnails is None:
            raise HTTPException(503, "not started yet")
        # In a thread: a picture that is there already is read from the storage, which may hang.
        coming = await run_in_threadpool(self._thumbnails.picture, {**row, "path": str(clip_file.path)}, size)
        picture = await asyncio.wrap_future(coming)
        if picture.trouble:
            raise HTTPException(404, picture.trouble)
        return Response(picture.jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    def _media(self, request: Request) -> Response:
        clip_file = file_of(self._row(request)[1])
        return FileResponse(clip_file.path, media_type=clip_file.media_type, stat_result=clip_file.status)

    def _index(self) -> Index:
        index = self._catalogue.index
        if index is None:
            what = "the tables are being read" if self._catalogue.is_reading else "nothing is listed yet"
            raise HTTPException(503, self._catalogue.trouble or what)
        return index

    def _row(self, request: Request) -> tuple[Index, dict[str, Any]]:
        index, key = self._index(), request.query_params.get("clip", "")
        row = index.find(key)
        if row is None:
            raise HTTPException(404, f"no clip is called {key[:200]!r}")
        return index, row

    def _cards(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        excluded = self._known_exclusions()
        return [card(row, is_excluded=row["clip_key"] in excluded) for row in rows]

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
    failures: dict[Any, Any] = {
        HTTPException: _failure,
        NotServedError: _not_served,
        AskError: _wrong,
        MendableError: _conflict,
        OSError: _storage,
    }
    return Starlette(
        routes=page.routes, lifespan=page.lifespan, middleware=[Middleware(Guard, access=access)], exception_handlers=failures
    )


def _in_thread(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return answered


def _tables(index: Index) -> dict[str, Any]:
    cells = sorted(index.cells, key=lambda cell: (*stage_rank(cell["stage"]), -cell["clips"], cell["reason"]))
    axes = [vars(axis) for axis in index.axes]
    meanings = {cell["reason"]: MEANINGS.get(cell["reason"], "") for cell in cells if cell["reason"]}
    return {
        "clips": index.n_clips,
        "cells": cells,
        "axes": axes,
        "columns": index.columns,
        "meanings": meanings,
        "stamp": _stamp(index),
    }


def _stamp(index: Index) -> str:
    return f"{hash(index.stamp) & 0xFFFFFFFFFFFF:x}"


def _ask(request: Request, index: Index) -> Ask:
    return read_ask(request.query_params.multi_items(), index.columns)


async def _body(request: Request) -> Any:
    whole = b""
    async for part in request.stream():
        whole += part
        if len(whole) > _MAX_BODY:
            raise HTTPException(413, "too many clips at once")
    try:
        return json.loads(whole)
    except ValueError as error:
        raise HTTPException(400, f"not JSON: {error}") from error


def _read_change(body: Any) -> tuple[list[str], str, bool]:
    """Clip keys, why, and whether they are added."""
    keys = body.get("keys") if isinstance(body, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key.strip() for key in keys):
        raise HTTPException(400, "keys: name at least one clip")
    if len(keys) > _MAX_KEYS:
        raise HTTPException(413, f"{len(keys):,} clips at once; at most {_MAX_KEYS:,}")
    why, is_added = body.get("why", ""), body.get("is_excluded", True)
    if not isinstance(why, str) or len(why) > _MAX_WHY or not isinstance(is_added, bool):
        raise HTTPException(400, f"why: a text of at most {_MAX_WHY} characters; is_excluded: true or false")
    return keys, " ".join(why.split()), is_added


async def _failure(_request: Request, error: Exception) -> Response:
    status, words = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": words}, status)


async def _wrong(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _conflict(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409)


async def _not_served(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 404)


async def _storage(_request: Request, error: Exception) -> Response:
    words = f"{os.strerror(error.errno)}: {error.filename}" if isinstance(error, OSError) and error.errno else str(error)
    return JSONResponse({"error": f"the storage does not answer: {words}"}, 503)
