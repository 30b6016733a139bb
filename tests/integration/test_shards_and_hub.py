"""Tar shards of one's own and a data set on the hub, through the whole graph to one training CSV."""

import csv
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from command_line import command
from hub_server import FakeHub
from media_factory import make_clip

pytestmark = pytest.mark.slow(15)


def shard(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_clips_of_tar_shards_and_of_the_hub_become_one_training_csv(tmp_path):
    clips = [make_clip(tmp_path / f"{n}.mp4", n_frames=10 + n).read_bytes() for n in range(4)]
    own, root = tmp_path / "own", tmp_path / "data"
    own.mkdir()
    (own / "0.tar").write_bytes(shard({"k.mp4": clips[0], "k.txt": b"of my shard", "bad.mp4": b"no video", "bad.txt": b"x"}))
    os.utime(own / "0.tar", (1_700_000_000, 1_700_000_000))
    with FakeHub() as hub:
        files = {"train/a.mp4": clips[1], "train/metadata.csv": b"file_name,text\na.mp4,a file of the hub\n"}
        hub.commit("me/clips", {**files, "0.tar": shard({"h.mp4": clips[2], "h.json": b'{"caption": "of a shard of the hub"}'})})
        root.mkdir()
        (root / "video_assets.toml").write_text('[hub]\nis_enabled = true\nrepo = "me/clips"\n')
        environment = {**os.environ, "HF_ENDPOINT": hub.endpoint}
        done = command("run", "--data-root", root, "--clips", own, "--json", env=environment, check=True)
    told = json.loads(done.stdout)
    with Path(told["csv"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["text"]: int(row["num_frames"]) for row in rows} == {
        "of my shard": 10,
        "a file of the hub": 11,
        "of a shard of the hub": 12,
    }
    assert all(Path(row["path"]).is_file() for row in rows)
    assert (told["listed"], told["kept"]) == (4, 3)
    assert any(note.startswith("shards of WebDataset: 1 with 2 clips") for note in told["notes"])
