"""The report as one page: whole in itself, and strangers' texts stay texts."""

import io
from html.parser import HTMLParser

import pytest
from PIL import Image

from video_assets.core.funnel import funnel_from_counts
from video_assets.publish.rules.manifest import Manifest
from video_assets.report.page import report_page

HOSTILE = '</title><script>alert(1)</script><img src=x onerror="alert(1)">\'&\u202e'


class Seen(HTMLParser):
    """Tags, what they point at, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


COUNTS = {
    "rows_before": 4, "rows": 3, "added": 0, "dropped": 4, "changed": 0, "changed_columns": {}, "stable_rows": 0,
    "is_order_kept": True, "is_append_only": False,
}  # fmt: skip


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(file, kind)
    return file.getvalue()


def nowhere(**_: str) -> None:
    return None


def page(*, name: str = "training", changes: dict[str, object] | None = None, address_of=nowhere, **more: object) -> Seen:
    manifest = {
        "version": 7,
        "name": name,
        "rows": 3,
        "files": {},
        "counts": {"listed": 5, "kept": 3, "dropped": {}, "sources": {name: {"listed": 5, "kept": 3, "dropped": 2}}},
        "versions": {"video_assets": "0.1.0"},
        "decoded_by": {"ffmpeg": ["libavcodec 62"]},
        "changes": changes or {"since": None},
        **more,
    }
    counted = funnel_from_counts(3, {name: {"odd": 1}, "decode_check": {"truncated": 1}})
    pictures = {"funnel": picture("PNG"), "kept_clips": picture("WEBP"), "some_thing": picture("PNG")}
    meanings = {"truncated": "the file ends too early"}
    place = f"published today in /data/{name}"
    return Seen(
        report_page(counted, pictures, Manifest.from_json(manifest), meanings=meanings, address_of=address_of, place=place)
    )


def test_every_picture_is_in_the_page_and_nothing_is_fetched():
    seen = page()
    assert len(seen.sources) == 3
    assert [source.partition(";")[0] for source in seen.sources] == ["data:image/webp", "data:image/png", "data:image/png"]
    assert not seen.tags & {"script", "link", "iframe", "object", "form", "a"}


def test_it_says_what_was_dropped_why_and_with_what():
    text = page().text
    for words in ("the file ends too early", "Version 7", "3 clips of 5", "60", "libavcodec 62", "0.1.0", "Some thing"):
        assert words in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"since": None}, "no version before"),
        ({"since": 6, **COUNTS, "added": 1_200}, "1,200"),
    ],
)
def test_changes_since_the_version_before(changes, words):
    assert words in page(changes=changes).text


def test_a_reason_leads_to_its_clips_where_somebody_shows_them():
    seen = page(address_of=lambda stage, reason: f"https://clips.example.org/?stage={stage}&reason={reason}")
    assert [source for source in seen.sources if not source.startswith("data:")] == [
        "https://clips.example.org/?stage=training&reason=odd",
        "https://clips.example.org/?stage=decode_check&reason=truncated",
    ]
    assert "truncated" in seen.text


def test_strangers_texts_stay_texts():
    seen = page(name=HOSTILE)
    assert seen.text.count(HOSTILE) >= 4, "title, heading, folder, source"
    assert not seen.tags & {"script"}
    assert len(seen.sources) == 3
    assert "onerror" not in seen.attributes


def test_a_manifest_of_a_version_before_makes_a_page_too():
    seen = page(versions={}, decoded_by={}, changes={})
    assert "no version before" in seen.text
