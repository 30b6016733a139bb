"""Every export, loaded as its consumer loads it: real readers where there are some, else the rules of its own code."""

import csv
import gc
import json
import tomllib
import warnings
from dataclasses import replace
from pathlib import Path

import av
import datasets
import lance
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset as wds
import xxhash
import yaml
from disks import few_files
from exported import published_root
from media_factory import make_clip

from video_assets.core.consumers import CONSUMERS
from video_assets.exports.export import Exported, export, options_of
from video_assets.exports.output import MADE, Origin, Output
from video_assets.exports.registry import MODULES
from video_assets.exports.rows import newest_version
from video_assets.exports.rules.names import rate_group
from video_assets.exports.targets.musubi_tuner import write as write_for_musubi_tuner
from video_assets.publish.product_files import sha256_file
from video_assets.select.stage import unwanted

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
    "energon": ROTATED,
    "webdataset": {},
    "lance": {},
    "hub-folder": {},
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
    # It names what it computes after the path without its ending, and finds captions under that name.
    assert len({Path(row["video"]).with_suffix(".pt") for row in rows}) == len(rows)
    return {folder / row["video"]: row["caption"] for row in rows}


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


def read_shards(folder: Path) -> list[dict]:
    """Every sample as the reader gives it. It leaves the shards to the garbage collector, which complains here and not later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        samples = [*wds.WebDataset([str(path) for path in sorted(folder.glob("*.tar"))], shardshuffle=False)]
        gc.collect()
    return samples


def web_dataset(folder: Path) -> dict:
    found = {}
    for sample in read_shards(folder):
        (suffix,) = {name for name in sample if not name.startswith("__")} - {"json", "txt"}
        path = folder.parent / f"{sample['__key__']}.{suffix}"
        path.write_bytes(sample[suffix])
        row = json.loads(sample["json"])
        assert (row["text"], row["file_size"]) == (sample["txt"].decode(), len(sample[suffix]))
        found[path] = row["text"]
    return found


def lance_table(folder: Path) -> dict:
    table = lance.dataset(folder / "clips.lance")
    rows = table.to_table(columns=["name", "text"]).to_pylist()
    found = {}
    for row, blob in zip(rows, table.take_blobs("video", indices=range(len(rows))), strict=True):
        path = folder.parent / row["name"]
        with blob as file:
            path.write_bytes(file.read())
        found[path] = row["text"]
    return found


def hub_folder(folder: Path) -> dict:
    """The clips are not in it: they are found by name, as somebody would who has the same ones in another place."""
    cache = folder.parent / "cache-hub-folder"
    clips = folder.parents[2] / "clips"
    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(cache))
    for row in rows:
        content = (clips / row["clip"].removeprefix("own_clips/")).read_bytes()
        assert (len(content), xxhash.xxh3_128_hexdigest(content)) == (row["file_size"], row["content_hash"])
    return {clips / row["clip"].removeprefix("own_clips/"): row["text"] for row in rows}


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
    "webdataset": web_dataset,
    "lance": lance_table,
    "hub-folder": hub_folder,
}


def test_every_target_has_facts_a_module_and_a_loader_here():
    assert [*CONSUMERS] == [*MODULES] == [*LOADERS]


@pytest.mark.parametrize("target", LOADERS)
def test_the_consumer_gets_every_clip_that_it_can_take_with_its_caption(published, target):
    layout, settings = published
    if target == "open-sora-2.0-sharded" and "." in str(layout.root):
        pytest.skip("the folder of the tests has a dot in it")
    exported = export(layout, settings, target)
    assert exported.left_out == LEFT_OUT[target]
    assert exported.n_kept + sum(exported.left_out.values()) == exported.manifest["rows"] == 21
    table = pq.read_table(exported.folder / "left_out.parquet").to_pandas()
    assert table["reason"].value_counts().to_dict() == LEFT_OUT[target]
    assert_same(exported, layout, LOADERS[target](exported.folder))


def test_a_clip_whose_container_states_no_rate_is_left_out_where_the_reader_gives_up_without_one(tmp_path):
    (tmp_path / "clips").mkdir()
    for name, muxer in (("stated.mp4", "webm"), ("not-stated.mp4", "ivf")):
        make_clip(tmp_path / "clips" / name, video="libvpx", muxer=muxer)
    captions = tmp_path / "captions.csv"
    captions.write_text("path,text\nclips/stated.mp4,a\nclips/not-stated.mp4,b\n")
    layout, settings = published_root(tmp_path / "data", tmp_path / "clips", captions)
    exported = {name: export(layout, settings, name) for name in ("energon", "videox-fun", "ltx")}
    assert [each.left_out for each in exported.values()] == [{"rate_not_stated": 1}, {"rate_not_stated": 1}, {}]
    left_out = pd.read_parquet(exported["energon"].folder / "left_out.parquet")
    assert left_out[["path", "detail"]].to_numpy().tolist() == [
        [str(tmp_path / "clips" / "not-stated.mp4"), "the container states no frame rate"]
    ]
    for_one = settings.model_copy(update={"training": settings.training.model_copy(update={"for_": ("videox-fun",)})})
    assert unwanted(layout, for_one)[["path", "reason"]].to_numpy().tolist() == [
        [str(tmp_path / "clips" / "not-stated.mp4"), "rate_not_stated"]
    ]


def test_a_table_may_have_more_frame_rates_than_files_can_be_open(published, tmp_path):
    layout, settings = published
    (tmp_path / "draft").mkdir()
    (tmp_path / "clips").mkdir()
    origin = Origin(layout, settings, newest_version(layout))
    out = Output(tmp_path / "draft", tmp_path / "final", options_of(settings), name="musubi-tuner", origin=origin)
    rates = [round(10 + number / 100, 2) for number in range(300)]
    parts = []
    for part in "ab":  # the file of each rate grows twice
        paths = [tmp_path / "clips" / f"{part}-{rate}.mp4" for rate in rates]
        for path in paths:
            path.write_bytes(b"clip")
        parts.append(pa.table({"path": list(map(str, paths)), "text": [path.stem for path in paths], "fps": rates}))
    with few_files(64), out.noting():
        write_for_musubi_tuner(iter(parts), out)
    blocks = tomllib.loads((tmp_path / "draft" / "dataset.toml").read_text())["datasets"]
    assert [block["source_fps"] for block in blocks] == sorted({rate_group(rate) for rate in rates})
    files = sorted((tmp_path / "draft").glob("fps-*.jsonl"))
    assert [Path(block["video_jsonl_file"]).name for block in blocks if block["source_fps"] == 12.5] == ["fps-12.5.jsonl"]
    lines = (tmp_path / "draft" / "fps-12.5.jsonl").read_text().splitlines()
    assert [json.loads(line)["caption"] for line in lines] == ["a-12.5", "b-12.5"]
    assert {path.name for path in files} | {"dataset.toml", MADE} == {*out.files}
    told = {path.name: out.files[path.name] for path in files}
    assert {name: facts["sha256"] for name, facts in told.items()} == {path.name: sha256_file(path) for path in files}
    assert sum(facts["rows"] for facts in told.values()) == 600


def test_web_dataset_shards_are_bounded_and_the_same_each_time(published):
    layout, settings = published
    hashes = []
    for shard_mib, min_frames in ((1, 0), (1, 1)):
        options = replace(options_of(settings), shard_mib=shard_mib, min_frames=min_frames)
        exported = export(layout, settings, "webdataset", options)
        assert exported.is_new
        hashes.append({name: facts for name, facts in exported.manifest["files"].items() if name.endswith(".tar")})
    assert hashes[0] == hashes[1]
    assert all(facts["bytes"] < 2 << 20 or facts["rows"] == 1 for facts in hashes[0].values())
    assert sum(facts["rows"] for facts in hashes[0].values()) == 21
    assert_same(exported, layout, web_dataset(exported.folder))


def test_hugging_face_reads_the_web_dataset_shards_of_each_kind_of_file(published):
    layout, settings = published
    exported = export(layout, settings, "webdataset")
    captions = []
    for suffix in sorted({path.name.partition("-")[0] for path in exported.folder.glob("*.tar")}):
        cache = exported.folder.parent / f"cache-webdataset-{suffix}"
        files = sorted(map(str, exported.folder.glob(f"{suffix}-*.tar")))
        loaded = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(cache))
        is_video = isinstance(loaded.features[suffix], datasets.Video)  # of .webm it hands out bytes
        rows = loaded.cast_column(suffix, datasets.Video(decode=False)) if is_video else loaded
        clips = [row[suffix]["bytes"] if is_video else row[suffix] for row in rows]
        captions += [(row["txt"], row["json"]["num_frames"], len(clip)) for row, clip in zip(rows, clips, strict=True)]
    every = pd.read_parquet(layout.versions / f"{exported.manifest['version']:06}" / "training.parquet")
    assert sorted(captions) == sorted(zip(every["text"], every["num_frames"], every["file_size"], strict=True))


def test_hugging_face_reads_the_lance_table(published):
    layout, settings = published
    exported = export(layout, settings, "lance")
    files = [str(path) for path in sorted((exported.folder / "clips.lance").rglob("*")) if path.is_file()]
    loaded = datasets.load_dataset(
        "lance", data_files=files, split="train", cache_dir=str(exported.folder.parent / "cache-lance")
    )
    assert isinstance(loaded.features["video"], datasets.Video)
    rows = loaded.cast_column("video", datasets.Video(decode=False))
    every = pd.read_parquet(layout.versions / f"{exported.manifest['version']:06}" / "training.parquet")
    assert [(row["text"], len(row["video"]["bytes"])) for row in rows] == [*zip(every["text"], every["file_size"], strict=True)]


def test_left_out_names_row_path_source_licence_and_why(published):
    layout, settings = published
    exported = export(layout, settings, "open-sora-1.2")
    told = pd.read_parquet(exported.folder / "left_out.parquet").set_index("reason")
    assert told.loc["caption_read_as_missing", "detail"] == "caption 'None'"
    with (layout.training / "training.csv").open(newline="", encoding="utf-8") as file:
        published_rows = list(csv.DictReader(file))
    assert all(published_rows[row]["path"] == path for row, path in zip(told["row"], told["path"], strict=True))
    assert {*told["source"]} == {"own_clips"}
