"""What people see of tables survives JSON and stays short."""

import json

import numpy as np
import pandas as pd
import pytest

from video_assets.core.schema import CLIPS
from video_assets.report.previews import preview


def test_a_preview_is_json_without_nulls_trouble():
    common = {"source": "s", "mtime_ns": 1, "probe_status": "ok", "probe_detail": "", "extras": "{}"}
    one = {"clip_key": "a", "path": "/a", "text": "word " * 350, "file_size": 2**40, "fps": float("nan"), **common}
    two = {"clip_key": "b", "path": "/b", "text": "None", "file_size": 1, "fps": float("inf"), "height": 3, **common}
    rows = CLIPS.frame([one, two])
    records = preview(rows, ["clip_key", "text", "height", "fps", "file_size"])
    assert json.loads(json.dumps(records, allow_nan=False)) == records
    assert records[0]["file_size"] == 2**40
    assert [record["height"] for record in records] == [None, 3]
    assert [record["fps"] for record in records] == [None, None]
    assert records[1]["text"] == "None"
    assert len(records[0]["text"]) <= 120


@pytest.mark.parametrize("value", [np.float64(1.5), np.int32(3), np.bool_(True), "x", 2.5, 7, False])
def test_a_preview_holds_plain_python_values(value):
    (record,) = preview(pd.DataFrame({"v": pd.Series([value], dtype=object)}), ["v"])
    assert type(record["v"]) in {str, int, float, bool}
    assert record["v"] == value


def test_a_preview_of_no_rows_is_empty_and_of_many_is_short():
    frame = pd.DataFrame({"a": range(1000)})
    assert preview(frame.head(0), ["a"]) == []
    assert len(preview(frame, ["a"], 5)) == 5
