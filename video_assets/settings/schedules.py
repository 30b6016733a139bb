"""Cron expressions and time zones, refused where they are set, not by the first schedule that ticks.

Belongs here: these types, for the program and (as patterns) for the chart's schema. Does not belong here: which schedules there
are (`steps`, `sources`).
"""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, WithJsonSchema

_NAMES_OF_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_NAMES_OF_DAYS = "sun|mon|tue|wed|thu|fri|sat"


def _any_case(names: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in names)


_VALUES = (
    "[0-5]?[0-9]",
    "[01]?[0-9]|2[0-3]",
    "0?[1-9]|[12][0-9]|3[01]|[lL]",
    f"0?[1-9]|1[0-2]|{_any_case(_NAMES_OF_MONTHS)}",
    f"[0-7](#[1-5])?|[lL][0-7]|{_any_case(_NAMES_OF_DAYS)}",
)


def _field(value: str) -> str:
    one = rf"(\*|({value})(-({value}))?)(/[1-9][0-9]*)?"
    return f"{one}(,{one})*"


_CRON = rf"^({' +'.join(map(_field, _VALUES))}|@(hourly|daily|midnight|weekly|monthly|yearly|annually))$"
# Their areas, not their names: every machine has another list of those. The program itself knows its own.
_ZONE = (
    r"^((Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)"
    r"(/[A-Za-z0-9_+-]+)+|[A-Z][A-Za-z0-9+-]*)$"
)


def _is_cron(text: str) -> str:
    if not re.fullmatch(_CRON, text):
        raise ValueError(
            f'{text!r} is no cron expression: write minute, hour, day, month and weekday, as "0 1 * * *" for every night at one'
        )
    return text


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such name; no name at all; an area
        raise ValueError(f"there is no time zone {name!r}: write an IANA name, as UTC or Europe/Berlin") from None
    return name


Cron = Annotated[str, AfterValidator(_is_cron), WithJsonSchema({"type": "string", "pattern": _CRON})]
TimeZone = Annotated[str, AfterValidator(_is_zone), WithJsonSchema({"type": "string", "pattern": _ZONE})]
