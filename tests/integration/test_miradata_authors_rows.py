"""The authors' rows through the whole graph: right captions, right frames, none lost to their numbers or clocks."""

import json

import pandas as pd
import pytest
from authors_rows import ROWS, make_source, numbers_in
from command_line import command
from media_factory import make_clip
from mira_tables import QUICK, V1_HEADER, write_v1
from web_server import serving

from video_assets.sources.miradata.rules.rows import CAPTION_COLUMNS, RowReader
from video_assets.storage.layout import Layout

# As the README of the authors' repository has them, in its order.
PUBLISHED = (
    "clip_id", "source", "video_url", "video_id", "width", "height", "fps", "seconds", "timestamp", "frame_number", "framestamp",
    "file_path", "short_caption", "dense_caption", "background_caption", "main_object_caption", "style_caption", "camera_caption",
)  # fmt: skip


def test_the_published_schedule_of_columns_is_that_of_v1():
    assert PUBLISHED == V1_HEADER
    assert RowReader(PUBLISHED, table="m.csv", text_columns=CAPTION_COLUMNS).version == "v1"
    assert set(CAPTION_COLUMNS) == set(PUBLISHED[-6:])


@pytest.mark.slow(120)
@pytest.mark.timeout(1200)
def test_the_authors_rows_become_a_combined_csv_with_the_frames_and_words_they_name(tmp_path):
    videos = {}
    for row in ROWS:
        videos.setdefault(row.video, []).append(row)
    make_clip(tmp_path / "own" / "a.mp4")
    (tmp_path / "own" / "a.txt").write_text("my own clip")
    root = tmp_path / "data"
    with serving() as web:
        urls = {name: web.put(f"/{name}", make_source(tmp_path / name, rows)) for name, rows in videos.items()}
        csv = write_v1(tmp_path / "miradata_v1_sample.csv", [row.as_cells(urls[row.video]) for row in ROWS])
        settings = {"csv": str(csv), "batches_per_night": 99} | QUICK
        run(root, tmp_path / "own", settings)
        assert all(web.asked(f"/{name}") == 2 for name in videos), "a look and a download of each web video"

    combined = pd.read_csv(Layout(root).training_csv("own_clips-Miradatasample"))
    assert len(combined) == len(ROWS) + 1
    by_text = combined.set_index("text")
    for row in ROWS:
        made = by_text.loc[row.text]
        assert numbers_in(made["path"]) == list(row.wanted()), row
        assert made["num_frames"] == len(row.wanted())
        assert made["fps"] == pytest.approx(float(row.rate), rel=1e-4)
    ledger = pd.concat(pd.read_parquet(path) for path in (root / "raw" / "miradata").glob("mira_*.parquet"))
    cuts = {json.loads(extras)["file_path"]: json.loads(extras)["cut"] for extras in ledger["extras"]}
    assert cuts["video_clips/000006026/000006026087.0.mp4"]["note"] == "by frames: the rate of 29 is 29.97 cut short"
    assert "note" not in cuts["video_clips/000001431/000001431495.10.mp4"]


def run(root, own, miradata):
    root.mkdir()
    lines = [f"{name} = {json.dumps(value)}" for name, value in miradata.items()]
    (root / "video_assets.toml").write_text(
        "\n".join(["[own_clips]", f'folder = "{own}"', "settle_s = 0", "[decode]", "n_shards = 1", "[miradata]", *lines])
    )
    command("run", "--data-root", root, "--json", check=True)
