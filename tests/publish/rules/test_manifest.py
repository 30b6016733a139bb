"""A manifest as values, as JSON and back."""

import json

import pytest

from video_assets.publish.rules.diff import DiffCounts
from video_assets.publish.rules.manifest import (
    Changes,
    ClipCounts,
    Examples,
    FileFacts,
    MadeFrom,
    Manifest,
    Redaction,
    changes_json,
)

COUNTS = DiffCounts(10, 11, 2, 1, 1, {"text": 1}, stable_rows=4, is_order_kept=True, is_append_only=False)
WHOLE = Manifest(
    version=2,
    name="training",
    columns=("path", "text"),
    rows=11,
    files={"training.csv": FileFacts(11, 900, "aa"), "training.parquet": FileFacts(11, 500, "bb")},
    counts=ClipCounts(12, 11, {"decode_check": {"truncated": 1}}, {"own_clips": {"listed": 12, "kept": 11, "dropped": 1}}),
    decoded_by={"checker": ("4",)},
    report="report/index.html",
    made_from=MadeFrom(
        {"training": {"relative_to": "/clips/"}}, {"combined": "training"}, {"pandas": "3"}, {"tables": {"a": "1"}}
    ),
    changes=Changes(1, COUNTS, Examples(("/clips/new.mp4",), ("/clips/gone.mp4",))),
    redacted=(Redaction("0001", 1, {"training.csv": "cc"}),),
)
ORDER = [
    "version", "name", "columns", "rows", "files", "counts", "decoded_by", "report",
    "settings", "products", "versions", "inputs", "changes", "redacted",
]  # fmt: skip


def through_json(manifest):
    return json.loads(json.dumps(manifest.as_json()))


def test_a_manifest_comes_back_from_its_json_as_it_was_with_its_fields_in_order():
    said = through_json(WHOLE)
    assert list(said) == ORDER
    assert list(said["changes"]) == ["since", *vars(COUNTS), "first_added", "first_dropped", "first_changed"]
    assert Manifest.from_json(said).as_json() == WHOLE.as_json()
    assert through_json(Manifest.from_json(said)) == said


def test_what_a_manifest_does_not_know_is_left_out_or_null():
    first = Manifest("training", 1, {}, ClipCounts(1, 1, {}, {}), version=1)
    said = through_json(first)
    assert list(said) == [name for name in ORDER if name not in {"report", "inputs", "redacted"}]
    assert said["changes"] == changes_json(None) == {"since": None}
    assert Manifest.from_json(said).changes is None


def test_a_manifest_of_before_versions_is_read():
    said = {name: through_json(WHOLE)[name] for name in ("name", "rows", "files", "counts")}
    old = Manifest.from_json(said)
    assert (old.version, old.changes, old.made_from.inputs, old.relative_to) == (0, None, None, "")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("files", None, "files: Input should be a valid dictionary"),
        (
            "files",
            {"training.csv": {"rows": 1, "bytes": "many", "sha256": ""}},
            "files.training.csv.bytes: Input should be",
        ),
        ("counts", {"listed": 1}, "counts.kept: Field required"),
        ("changes", {"since": 1}, "rows_before: Field required"),
    ],
)
def test_a_field_that_is_wrong_is_named(field, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        Manifest.from_json({**through_json(WHOLE), field: value})
    with pytest.raises(ValueError, match="dict: Input should be a valid dictionary"):
        Manifest.from_json([])


def test_paths_start_from_the_folder_of_the_settings_without_its_slash():
    assert WHOLE.relative_to == "/clips"
