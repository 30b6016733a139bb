"""What a request asks for: filters, order and place, from the query string to values.

Belongs here: which words of an address mean what. Does not belong here: finding what is asked for (`look.index`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from video_assets.core.errors import MendableError

MAX_PAGE = 240
MAX_WORDS = 8
_FACETS = ("status", "stage", "reason", "source")


class AskError(MendableError):
    """The address asks for something that there is not; the message names it."""


@dataclass(frozen=True)
class Ask:
    """Which clips: `facets` by name, `ranges` (lowest and highest value, None: open) by column, `words` that a caption has."""

    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    keys: str = ""


@dataclass(frozen=True)
class Order:
    """How the clips are sorted, by a column or by chance (`seed`), and which part is wanted."""

    column: str = ""
    is_descending: bool = False
    seed: int | None = None
    offset: int = 0
    limit: int = 60


def read_ask(query: Sequence[tuple[str, str]], columns: Sequence[str]) -> Ask:
    """The filters of an address: `status=dropped&reason=truncated&duration_s=2..10&words=red+car&key=holiday`.

    Raises:
        AskError: a range that is none.
    """
    facets: dict[str, tuple[str, ...]] = {}
    ranges: dict[str, tuple[float | None, float | None]] = {}
    words: tuple[str, ...] = ()
    keys = ""
    for name, value in query:
        if name in _FACETS and value:
            facets[name] = (*facets.get(name, ()), value)
        elif name in columns:
            ranges[name] = _range(name, value)
        elif name == "words":
            words = tuple(dict.fromkeys(value.split()))[:MAX_WORDS]
        elif name == "key":
            keys = value
    return Ask(facets, ranges, words, keys)


def read_order(query: Mapping[str, str], columns: Sequence[str]) -> Order:
    """Order and place of an address: `sort=-file_size&offset=60&limit=60`, or `seed=7` for a random order.

    Raises:
        AskError: a column that there is not, or a number that is none.
    """
    sort = query.get("sort", "")
    column = sort.removeprefix("-")
    if column and column not in columns:
        raise AskError(f"sort: there is no column {column!r}; there are {', '.join(columns)}")
    seed = query.get("seed")
    return Order(
        column=column,
        is_descending=sort.startswith("-"),
        seed=None if seed is None else _whole("seed", seed),
        offset=_whole("offset", query.get("offset", "0")),
        limit=min(MAX_PAGE, _whole("limit", query.get("limit", "60"))),
    )


def _range(name: str, value: str) -> tuple[float | None, float | None]:
    low, dots, high = value.partition("..")
    try:
        if dots:
            return (float(low) if low else None, float(high) if high else None)
    except ValueError:
        pass
    raise AskError(f"{name}={value!r} is no range: write 2..10, 2.. or ..10")


def _whole(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise AskError(f"{name}={value!r} is no whole number")
    return int(value)
