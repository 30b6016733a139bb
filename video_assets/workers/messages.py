"""What a pool and its workers say to each other, one JSON object a line.

Belongs here: the messages and their text. Does not belong here: channels (`workers.process`), what a message leads to
(`workers.pool`, `workers.child`). Imports only the standard library, as the child does.
"""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from video_assets.core.json_values import JsonObject


class ProtocolError(Exception):
    """A worker answered something that no healthy worker answers."""


@dataclass(frozen=True)
class Hello:
    """To a new worker: the function to load ("package.module:name"), where modules are, and what each task may take."""

    function: str
    sys_path: tuple[str, ...]
    memory_bytes: int
    cpu_s: float
    max_file_bytes: int | None


@dataclass(frozen=True)
class Call:
    """To a worker that is ready: one task."""

    id: str
    kwargs: "JsonObject"


@dataclass(frozen=True)
class Answer:
    """From a worker: that it is ready (all is empty), or how a task ended: "done" with a result, or a failure with words."""

    id: str = ""
    status: str = ""
    result: "JsonObject | None" = None
    detail: str = ""
    rss_bytes: int | None = None


def line_of(message: Hello | Call | Answer) -> bytes:
    """The message's line."""
    return json.dumps(asdict(message)).encode() + b"\n"


def read_hello(line: bytes) -> Hello:
    """What the pool said first."""
    return Hello(**json.loads(line))


def read_call(line: bytes) -> Call:
    """What the pool asks for."""
    return Call(**json.loads(line))


def read_answer(line: bytes | bytearray) -> Answer:
    """What a worker said, which a decoder that was taken over may have made up: a field of another type counts as empty.

    Raises:
        ProtocolError: it is no message.
    """
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"answered something that is not JSON: {bytes(line[:80])!r}") from error
    if not isinstance(said, dict):
        raise ProtocolError(f"answered something that is not an object: {bytes(line[:80])!r}")
    result, rss_bytes = said.get("result"), said.get("rss_bytes")
    return Answer(
        id=str(said.get("id", "")),
        status=str(said.get("status", "")),
        result=result if isinstance(result, dict) else None,
        detail=str(said.get("detail")),
        rss_bytes=rss_bytes if isinstance(rss_bytes, int) else None,
    )
