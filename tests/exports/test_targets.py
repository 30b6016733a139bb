"""Every export, loaded as its consumer loads it: real readers where there are some, else the rules of its own code."""

import csv
import json
import tomllib
from pathlib import Path

import av
import datasets
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from video_assets.core.consumers import CONSUMERS
from video_assets.exports.export import Exported, export
from video_assets.exports.registry import MODULES

# The sample: two .webm, one caption "None", one rotated clip, one of variable rate, one AV1.
SUFFIX = {"suffix_refused": 2}
NAN, ROTATED, VARIABLE, CODEC = ({name: 1} for name in ("caption_read_as_missing", "rotated", "variable_rate", "codec_refused"))
LEFT_OUT = {
    "open-sora-1.2": {**NAN, **ROTATED, **SUFFIX},
    "open-sora-1.3": {**NAN, **ROTATED, **SUFFIX},
    "open-sora-2.0": {**NAN, **ROTATED, **SUFFIX, **VARIABLE},
    "open-sora-2.0-sharded": {**ROTATED, **SUFFIX, **VARIABLE},
    "finetrainers": ROTATED,
    "diffusion-pipe": {**ROTATED, **VARIABLE},
    "musubi-tuner": {**ROTATED, **VARIABLE},
    "videox-fun": {**CODEC, **ROTATED},
    "diffsynth": {**NAN, **ROTATED},
    "ltx": ROTATED,
    "videofolder": {},
    "ai-toolkit": {**CODEC, **ROTATED, **VARIABLE},
    "simpletuner": ROTATED,
    "cosmos-predict2.5": {**CODEC, **ROTATED, "suffix_refused": 6, "too_few_frames": 12},
    "energon": {},
}


def rows_of(exported: Exported, layout) -> dict[str, str]:
    """Caption by path of the published rows that were not left out."""
    every = pd.read_parquet(layout.versions / f"{exported.manifest['version']:06}" / "training.parquet")
    left_out = set(pd.read_parquet(exported.folder / "left_out.parquet")["path"])
    return {path: text for path, text in zip(every["path"], every["text"], strict=True) if path not in left_out}


def by_content(captions: dict) -> dict[bytes, str]:
    """Caption by the clip's bytes: the same whatever the clip is called. The clip decodes through its new name."""
    found = {}
    for path, text in captions.items():
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).width > 0
        found[Path(path).read_bytes()] = text
    return found


def assert_same(exported: Exported, layout, captions: dict) -> None:
    assert len(captions) == exported.n_kept
    assert by_content(captions) == by_content(rows_of(exported, layout))


def open_sora(folder: Path) -> dict:
    rows = pd.read_csv(folder / "training.csv")  # as the trainer: with pandas' defaults
    assert not rows.isna().any().any()
    assert {"path", "text", "num_frames", "height", "width", "aspect_ratio", "fps", "resolution"} <= {*rows}
    return dict(zip(rows["path"], rows["text"], strict=True))


def open_sora_sharded(folder: Path) -> dict:
    main = pd.read_parquet(folder / "training.parquet")
    per_shard = -(-len(main) // 10_000)
    shards = sorted(Path(str(folder / "training.parquet").split(".", maxsplit=1)[0]).iterdir())
    found = {}
    for index, path in enumerate(main["path"]):
        row = pd.read_parquet(shards[index // per_shard]).iloc[index % per_shard]
        assert row["path"] == path
        found[path] = row["text"]
    assert "text" not in main
    return found


def video_folder(folder: Path, column: str) -> dict:
    cache = folder.parent / f"cache-{folder.name}"
    loaded = datasets.load_dataset("videofolder", data_dir=str(folder), split="train", cache_dir=str(cache))
    # Its own decoder is torch's: the bytes are decoded with PyAV instead.
    return {row["video"]["path"]: row[column] for row in loaded.cast_column("video", datasets.Video(decode=False))}


def diffusion_pipe(folder: Path) -> dict:
    directory = tomllib.loads((folder / "dataset.toml").read_text())["directory"][0]["path"]
    captions = json.loads((Path(directory) / "captions.json").read_text())
    clips = [
        path for path in Path(directory).iterdir() if path.suffix not in {".txt", ".npz", ".json", ".parquet", ".bak", ".db"}
    ]
    assert {path.name for path in clips} == {*captions}
    return {path: captions[path.name][0] for path in clips}


def musubi_tuner(folder: Path) -> dict:
    found, names = {}, []
    for block in tomllib.loads((folder / "dataset.toml").read_text())["datasets"]:
        assert isinstance(block["source_fps"], float)
        for line in Path(block["video_jsonl_file"]).read_text().splitlines():
            row = json.loads(line)
            with av.open(row["video_path"]) as container:
                assert float(container.streams.video[0].average_rate) == pytest.approx(block["source_fps"], rel=1e-3)
            found[row["video_path"]] = row["caption"]
            names.append(Path(row["video_path"]).stem)
    # Its caches are named after the base name alone.
    assert len(names) == len(set(names))
    return found


def videox_fun(folder: Path) -> dict:
    rows = json.loads((folder / "metadata.json").read_text())
    assert {row["type"] for row in rows} == {"video"}
    assert all(row["width"] > 0 and row["height"] > 0 for row in rows)
    return {row["file_path"]: row["text"] for row in rows}


def diffsynth(folder: Path) -> dict:
    rows = pd.read_csv(folder / "metadata.csv")
    assert not rows.isna().any().any()
    return dict(zip(rows["video"], rows["prompt"], strict=True))


def ltx(folder: Path) -> dict:
    rows = [json.loads(line) for line in (folder / "dataset.jsonl").read_text().splitlines()]
    return {row["video"]: row["caption"] for row in rows}


def ai_toolkit(folder: Path) -> dict:
    return {path: row["caption"] for path, row in json.loads((folder / "captions.json").read_text()).items()}


def simpletuner(folder: Path) -> dict:
    clips = next(each for each in json.loads((folder / "multidatabackend.json").read_text()) if each["dataset_type"] == "video")
    table, names = clips["parquet"], clips["parquet"]["filename_column"]
    rows = pd.read_parquet(table["path"])
    assert (rows[table["width_column"]] > 0).all()
    return {
        Path(clips["instance_data_dir"]) / name: text
        for name, text in zip(rows[names], rows[table["caption_column"]], strict=True)
    }


def cosmos(folder: Path) -> dict:
    clips = [path for path in (folder / "videos").iterdir() if path.name.endswith(".mp4")]
    return {path: (folder / "metas" / path.name.replace(".mp4", ".txt")).read_text() for path in clips}


def energon(folder: Path) -> dict:
    splits = yaml.safe_load((folder / "metadataset.yaml").read_text())["splits"]
    media = folder / splits["train"]["aux"]["video_source"].removeprefix("filesystem://")
    rows = [json.loads(line) for line in (folder / splits["train"]["path"]).read_text().splitlines()]
    assert all(not Path(row["video"]).is_absolute() for row in rows)
    return {media / row["video"]: row["caption"] for row in rows}


LOADERS = {
    "open-sora-1.2": open_sora,
    "open-sora-1.3": open_sora,
    "open-sora-2.0": open_sora,
    "open-sora-2.0-sharded": open_sora_sharded,
    "finetrainers": lambda folder: video_folder(folder, "caption"),
    "diffusion-pipe": diffusion_pipe,
    "musubi-tuner": musubi_tuner,
    "videox-fun": videox_fun,
    "diffsynth": diffsynth,
    "ltx": ltx,
    "videofolder": lambda folder: video_folder(folder, "text"),
    "ai-toolkit": ai_toolkit,
    "simpletuner": simpletuner,
    "cosmos-predict2.5": cosmos,
    "energon": energon,
}


def test_every_target_has_facts_a_module_and_a_loader_here():
    assert [*CONSUMERS] == [*MODULES] == [*LOADERS]


@pytest.mark.parametrize("target", LOADERS)
def test_the_consumer_gets_every_clip_that_it_can_take_with_its_caption(published, target):
    layout, settings = published
    if "." in str(layout.root):
        pytest.skip("the folder of the tests has a dot in it")
    exported = export(layout, settings, target)
    assert exported.left_out == LEFT_OUT[target]
    assert exported.n_kept + sum(exported.left_out.values()) == exported.manifest["rows"] == 21
    table = pq.read_table(exported.folder / "left_out.parquet").to_pandas()
    assert table["reason"].value_counts().to_dict() == LEFT_OUT[target]
    assert_same(exported, layout, LOADERS[target](exported.folder))


def test_left_out_names_row_path_source_licence_and_why(published):
    layout, settings = published
    exported = export(layout, settings, "open-sora-1.2")
    told = pd.read_parquet(exported.folder / "left_out.parquet").set_index("reason")
    assert told.loc["caption_read_as_missing", "detail"] == "caption 'None'"
    with (layout.training / "training.csv").open(newline="", encoding="utf-8") as file:
        published_rows = list(csv.DictReader(file))
    assert all(published_rows[row]["path"] == path for row, path in zip(told["row"], told["path"], strict=True))
    assert {*told["source"]} == {"own_clips"}
