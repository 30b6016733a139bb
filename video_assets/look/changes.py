"""A change of the exclusion list as the page sends it.

Belongs here: reading a request. Does not belong here: the list (`publish.exclusions`), who may change it (`look.security`).
"""

import json
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from video_assets.core.json_values import Json

_MAX_BODY = 4 << 20
_MAX_KEYS = 10_000
_MAX_WHY = 500


@dataclass(frozen=True)
class Change:
    """Clips that are put on the list (`why` in one line), or taken off it."""

    keys: tuple[str, ...]
    why: str
    is_added: bool


async def read_change(request: Request) -> Change:
    """The change that a request asks for.

    Raises:
        HTTPException: too large, or not what the page sends; the message names the field.
    """
    body = await _body(request)
    facts = body if isinstance(body, dict) else {}
    keys = [key for key in _listed(facts.get("keys")) if isinstance(key, str) and key.strip()]
    if not keys or len(keys) != len(_listed(facts.get("keys"))):
        raise HTTPException(400, "keys: name at least one clip")
    if len(keys) > _MAX_KEYS:
        raise HTTPException(413, f"{len(keys):,} clips at once; at most {_MAX_KEYS:,}")
    why, is_added = facts.get("why", ""), facts.get("is_excluded", True)
    if not isinstance(why, str) or len(why) > _MAX_WHY or not isinstance(is_added, bool):
        raise HTTPException(400, f"why: a text of at most {_MAX_WHY} characters; is_excluded: true or false")
    return Change(tuple(keys), " ".join(why.split()), is_added)


def _listed(keys: Json) -> list[Json]:
    return keys if isinstance(keys, list) else []


async def _body(request: Request) -> Json:
    whole = b""
    async for part in request.stream():
        whole += part
        if len(whole) > _MAX_BODY:
            raise HTTPException(413, "too many clips at once")
    try:
        return json.loads(whole)
    except ValueError as error:
        raise HTTPException(400, f"not JSON: {error}") from error
