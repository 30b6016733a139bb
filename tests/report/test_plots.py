"""Every picture, of much, little and nothing."""

import io
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from video_assets.core.funnel import funnel_from_counts
from video_assets.core.outliers import shard_outliers
from video_assets.core.schema import TRAINING
from video_assets.report.captions import CaptionFacts, caption_facts
from video_assets.report.histograms import bin_edges, histograms_png
from video_assets.report.plots import drop_reasons_png, funnel_png, shards_png
from video_assets.report.previews import picture_markdown
from video_assets.storage.tables import write_table

LONG = "a_reason_with_a_name_that_is_longer_than_any_that_we_have_today"
FUNNEL = funnel_from_counts(
    1_257_006,
    {
        "own_clips": {"missing": 120},
        "enriched_metadata": {"empty_caption": 3_210, LONG: 33},
        "size_filtered": {"larger_than_limit": 51_020},
        "decode_check": {f"reason_{i}": 3**i for i in range(9)},
        "training_csv": {"costs $5 or $6": 1, "片段": 2},
    },
)


def clips(n, **columns):
    random = np.random.default_rng(n)
    frame = {
        "file_size": (random.lognormal(1.6, 1, n) * 2**20).astype("int64"),
        "duration_s": random.gamma(2, 5, n),
        "width": random.choice([1280, 1920, 640], n),
        "height": random.choice([720, 1080], n),
        "fps": random.choice([23.976, 24, 25, 29.97, 30], n),
    }
    return pd.DataFrame(frame | columns).convert_dtypes(dtype_backend="pyarrow")


def shards(n_shards, n_clips, *, worst=0):
    dropped = [n_clips // 50] * n_shards
    dropped[0] += worst
    names = [f"{i:05d}-of-{n_shards:05d}" for i in range(n_shards)]
    return pd.DataFrame({"shard": names, "listed": [n_clips] * n_shards, "dropped": dropped})


def captions(n):
    uses = np.array([1] * (n // 2) + [5] * (n // 20) + [n - n // 2 - 5 * (n // 20)] if n else [], dtype=np.int64)
    return CaptionFacts(np.random.default_rng(n).integers(3, 900, n).astype(float), uses, n_empty=n // 9, n_captioned=n + n // 9)


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


PICTURES = {
    "funnel": lambda: funnel_png(FUNNEL),
    "funnel of nothing": lambda: funnel_png(funnel_from_counts(0, {})),
    "funnel that keeps nothing": lambda: funnel_png(funnel_from_counts(0, {"own_clips": {"missing": 7}})),
    "reasons": lambda: drop_reasons_png(FUNNEL),
    "reasons of nothing": lambda: drop_reasons_png(funnel_from_counts(3, {})),
    "many reasons": lambda: drop_reasons_png(funnel_from_counts(0, {"decode_check": {f"reason_{i}": i + 1 for i in range(40)}})),
    "histograms": lambda: histograms_png(clips(5_000)),
    "histograms with captions": lambda: histograms_png(clips(5_000), captions(5_000)),
    "histograms with captions of nothing": lambda: histograms_png(clips(0), captions(0)),
    "histograms of nothing": lambda: histograms_png(clips(0)),
    "histograms of one clip": lambda: histograms_png(clips(1)),
    "histograms of equal clips": lambda: histograms_png(pd.concat([clips(1)] * 9)),
    "histograms of unmeasured clips": lambda: histograms_png(clips(3, duration_s=np.nan, fps=[25, None, np.nan], width=None)),
    "histograms of decades": lambda: histograms_png(
        clips(4, file_size=[1, 900, 10**6, 10**12], duration_s=[0.0, 0.04, 3.0, 90_000])
    ),
    "histograms of all different rates": lambda: histograms_png(clips(500, fps=np.linspace(10, 60, 500))),
    "histograms of many sizes": lambda: histograms_png(clips(900, width=[1280] * 600 + [16 * i + 16 for i in range(300)])),
    "histograms of a training table": lambda: histograms_png(clips(9, num_frames=250).drop(columns="duration_s")),
    "shards": lambda: shards_png(shards(24, 54_000, worst=20_000)),
    "one shard": lambda: shards_png(shards(1, 3)),
    "empty shards": lambda: shards_png(shards(24, 0)),
    "ten thousand shards": lambda: shards_png(shards(10_000, 130, worst=100)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_small_has_the_width_of_the_page_and_nothing_cut_off(name):
    picture = PICTURES[name]()
    drawn = pixels(picture)
    assert drawn.shape[1] == 900
    assert len(picture) < 60_000
    edge = np.concatenate(
        [drawn[:3].reshape(-1, 3), drawn[-3:].reshape(-1, 3), drawn[:, :3].reshape(-1, 3), drawn[:, -3:].reshape(-1, 3)]
    )
    assert (edge == 255).all(), "something is drawn up to the edge"
    assert (drawn < 250).any(), "the picture is blank"


@pytest.mark.parametrize("name", ["funnel", "histograms", "shards"])
def test_the_same_numbers_give_the_same_bytes_without_dates_or_versions(name):
    picture = PICTURES[name]()
    assert picture == PICTURES[name]()
    assert b"tEXt" not in picture
    assert b"Software" not in picture


def test_a_matplotlibrc_of_the_user_changes_nothing_and_is_left_alone(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: black\nfont.size: 30\nsavefig.dpi: 300\n")
    draw = (
        "import sys, matplotlib\n"
        "from video_assets.core.funnel import funnel_from_counts\n"
        "from video_assets.report.plots import drop_reasons_png\n"
        "sys.stdout.buffer.write(drop_reasons_png(funnel_from_counts(5, {'decode_check': {'truncated': 3, 'a_b': 1}})))\n"
        "assert matplotlib.rcParams['text.usetex'], 'the caller keeps its settings'\n"
    )
    environment = {**os.environ, "MATPLOTLIBRC": str(tmp_path)}
    drawn = subprocess.run([sys.executable, "-c", draw], env=environment, capture_output=True, check=True).stdout
    assert drawn == drop_reasons_png(funnel_from_counts(5, {"decode_check": {"truncated": 3, "a_b": 1}}))


def test_a_million_clips_are_drawn_in_seconds():
    table = clips(1_300_000)
    start = time.process_time()
    picture = histograms_png(table)
    assert time.process_time() - start < 8
    assert len(picture) < 60_000


def test_an_outlier_is_written_onto_the_picture():
    counts = shards(24, 54_000, worst=20_000)
    found = shard_outliers(counts, max_excess=0.3)
    assert found
    assert (pixels(shards_png(counts, outliers=found)) != pixels(shards_png(counts))).any()


@pytest.mark.parametrize(
    "values", [[0.0], [5.0, 5.0], [1.0, 2.0, 3.0], [1e-6, 1e6], list(np.geomspace(1, 1e9, 5000)), [-3.0, 4.0]]
)
def test_bins_rise_and_hold_all_but_the_farthest_values(values):
    edges = bin_edges(np.array(values))
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= 51
    inside = (np.array(values) >= edges[0]) & (np.array(values) <= edges[-1] * (1 + 1e-12))
    assert inside.mean() > 0.99


def test_a_picture_in_markdown_needs_no_server():
    text = picture_markdown(funnel_png(funnel_from_counts(1, {})), "funnel")
    assert text.startswith("![funnel](data:image/png;base64,iVBOR")
    assert text.endswith(")")
    assert "\n" not in text


def test_captions_are_measured_in_words_and_equal_ones_found_across_row_groups(tmp_path):
    n_rows = 40_000
    texts = ["the same words"] * 30_000 + [f"words {i} 片段" for i in range(n_rows - 30_000)]
    numbers = {"num_frames": 1, "height": 2, "width": 2, "aspect_ratio": 1.0, "fps": 1.0, "resolution": 4, "file_size": 1}
    rows = pd.DataFrame({"path": [f"/{i:06d}" for i in range(n_rows)], "text": texts, **numbers})
    write_table(tmp_path / "t.parquet", TRAINING, rows.convert_dtypes(dtype_backend="pyarrow"))
    found = caption_facts(tmp_path / "t.parquet", funnel_from_counts(n_rows, {"enriched_metadata": {"empty_caption": 10_000}}))
    assert sorted(found.uses.tolist())[-2:] == [1, 30_000]
    assert len(found.uses) == 10_001
    assert found.words.tolist() == [len(text.split()) for text in texts]
    assert (found.n_empty, found.n_captioned) == (10_000, 50_000)
