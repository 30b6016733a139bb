"""Rows as text: JSON that fits on a line.

Belongs here: spelling. Does not belong here: which fields a format has (`exports.targets`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa


def values(rows: pa.Table, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of Python values."""
    return zip(*(rows.column(name).to_pylist() for name in columns), strict=True)


def json_text(value: Any) -> str:
    r"""JSON in ASCII: no reader splits it at a line separator of another alphabet.

    >>> json_text({"caption": "a\u2028b\n"})
    '{"caption": "a\\u2028b\\n"}'
    """
    return json.dumps(value, ensure_ascii=True)


def json_line(record: Mapping[str, Any]) -> bytes:
    """One line of a JSONL file."""
    return json_text(record).encode() + b"\n"
