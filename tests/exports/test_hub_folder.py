"""A data set to hand on: the readers of hub and Croissant take it, and it says where clips are from and what became of all."""

import shutil
import warnings
from dataclasses import replace

import mlcroissant
import pandas as pd
import pytest
from exported import published_root
from huggingface_hub import DatasetCard
from PIL import Image

from video_assets.exports.export import Exported, export, options_of
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout


@pytest.fixture(scope="module")
def root(sample, tmp_path_factory) -> tuple[Layout, Settings]:
    folder = tmp_path_factory.mktemp("handed-on")
    shutil.copytree(sample.clips, folder / "clips")
    captions = pd.read_csv(sample.captions, keep_default_na=False)
    captions["license"] = ""
    captions.loc[captions["path"] == "aquarium.mp4", "license"] = "CC0-1.0"
    captions.to_csv(folder / "captions.csv", index=False)
    licence = {"own_clips": {"licence": "CC-BY-4.0"}}
    return published_root(folder / "data", folder / "clips", folder / "captions.csv", **licence)


@pytest.fixture
def handed_on(root) -> Exported:
    return export(*root, "hub-folder")


def test_the_card_has_what_the_hub_reads(handed_on):
    card = DatasetCard.load(handed_on.folder / "README.md")
    assert card.data.license == ["cc-by-4.0", "cc0-1.0"]
    assert card.data.task_categories == ["text-to-video"]
    assert card.data.size_categories == ["n<1K"]


def test_the_card_has_counts_funnel_licences_and_pictures(handed_on):
    text = (handed_on.folder / "README.md").read_text()
    assert "21 clips with captions" in text
    assert "| own_clips | CC-BY-4.0 | 20 |" in text
    assert "| own_clips | CC0-1.0 | 1 |" in text
    assert "| decode_check | `truncated` | -2 |" in text
    pictures = {path.relative_to(handed_on.folder) for path in handed_on.folder.glob("pictures/*")}
    assert {path.stem for path in pictures} == {"funnel", "drop_reasons", "histograms", "kept_clips"}
    assert all(f"]({path})" in text for path in pictures)
    for path in pictures:
        with Image.open(handed_on.folder / path) as picture:
            picture.load()


def test_croissant_takes_the_metadata_and_reads_the_rows(handed_on):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = mlcroissant.Dataset(handed_on.folder / "croissant.json")
        rows = pd.DataFrame(found.records("clips"))
    assert not found.metadata.ctx.issues.errors
    rows.columns = [name.removeprefix("clips/") for name in rows]
    for name in ("clip", "text", "source", "licence", "content_hash"):
        rows[name] = rows[name].str.decode("utf-8")
    pd.testing.assert_frame_equal(rows, pd.read_parquet(handed_on.folder / "data" / "train.parquet"), check_dtype=False)


def test_no_path_of_this_machine_is_handed_on(handed_on):
    private = str(handed_on.folder.parents[2])
    files = [path for path in handed_on.folder.rglob("*") if path.is_file() and path.name != "left_out.parquet"]
    assert not [path for path in files if private.encode() in path.read_bytes()]
    assert not [text for text in pd.read_parquet(handed_on.folder / "data" / "train.parquet")["clip"] if text.startswith("/")]


def test_clips_that_are_left_out_are_named_as_others_know_them(root):
    few = export(*root, "hub-folder", replace(options_of(root[1]), min_frames=60))
    left_out = pd.read_parquet(few.folder / "left_out.parquet")
    assert {*left_out["reason"]} == {"too_few_frames"}
    assert left_out["path"].str.startswith("own_clips/").all()


def test_the_same_version_gives_the_same_bytes(root, handed_on):
    again = export(*root, "hub-folder", replace(options_of(root[1]), shard_mib=7))
    assert again.is_new
    assert again.manifest["files"] == handed_on.manifest["files"]
