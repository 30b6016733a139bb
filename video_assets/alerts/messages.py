"""What is worth a message to a person, and its words.

Belongs here: events to a message. Does not belong here: finding events (`defs.alerts`), sending (`alerts.webhook`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from video_assets.core.json_values import JsonObject
from video_assets.core.units import shorten

_MAX_EVENTS = 20
_MAX_CHARS = 500


@dataclass(frozen=True)
class Alert:
    """One thing that went wrong, or is well again. `url` leads to it in the UI; empty when the UI's address is not known."""

    kind: Literal["run_failed", "check_failed", "csv_stale", "csv_fresh_again"]
    subject: str
    detail: str
    url: str = ""


def message(alerts: Sequence[Alert]) -> JsonObject:
    """One message for all: `text` for people (what chat services show), `alerts` for programs."""
    shown = list(alerts[:_MAX_EVENTS])
    lines = [f"video_assets: {len(alerts)} " + ("alert" if len(alerts) == 1 else "alerts")]
    lines += [_line(alert) for alert in shown]
    if len(alerts) > len(shown):
        lines.append(f"... and {len(alerts) - len(shown)} more: see the Runs page")
    return {"text": "\n".join(lines), "alerts": [asdict(alert) for alert in shown]}


def _line(alert: Alert) -> str:
    link = f" {alert.url}" if alert.url else ""
    return f"- {alert.kind.replace('_', ' ')}: {alert.subject}: {shorten(alert.detail, _MAX_CHARS)}{link}"
