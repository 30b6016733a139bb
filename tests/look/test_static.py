"""The page's colours: text can be read in both schemes (WCAG 2.2: 4.5:1; 3:1 for what is no text)."""

import re
from pathlib import Path

import pytest

import video_assets.look

STYLE = (Path(video_assets.look.__file__).parent / "static" / "style.css").read_text(encoding="utf-8")
TEXT = [
    *[("ink", ground) for ground in ("bg", "panel", "raised", "faint", "accent-soft", "bad-soft", "wait-soft", "lit")],
    *[("muted", ground) for ground in ("bg", "panel", "raised", "faint", "stage")],
    *[("accent", ground) for ground in ("bg", "panel", "accent-soft")],
    ("on-accent", "accent"),
    ("bad", "bad-soft"),
    ("wait", "wait-soft"),
    ("bg", "ink"),
]
SIGNS = [("focus", "bg"), ("focus", "panel"), ("focus", "stage"), ("accent", "panel")]


def colours() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    )
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_text_and_signs_stand_out(scheme):
    known = colours()[scheme]
    found = {pair: contrast(known[pair[0]], known[pair[1]]) for pair in [*TEXT, *SIGNS]}
    assert {pair: value for pair, value in found.items() if value < (4.5 if pair in TEXT else 3.0)} == {}


def test_who_wants_no_motion_gets_none():
    assert "@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }" in STYLE
