"""OpenVid through the whole graph: a data set of its shape on a hub of this machine becomes the training CSV."""

import csv
import json
import os
import subprocess
import sys

import pytest
from hub_server import FakeHub
from openvid_repo import REPO, make_repo

from video_assets.io.layout import Layout


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return make_repo(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def hub(repo, monkeypatch):
    with FakeHub() as server:
        server.commit(REPO, repo.files)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def write_settings(root, **openvid):
    root.mkdir(exist_ok=True)
    section = {"enabled": True, "repo": REPO, "headroom_gib": 0, **openvid}
    lines = [f"{name} = {json.dumps(value)}" for name, value in section.items()]
    (root / "video_assets.toml").write_text("\n".join(["[openvid]", *lines, "[decode]", "n_shards = 2", ""]))


def run(root, *, check=True):
    line = [sys.executable, "-m", "video_assets.cli", "run", "--data-root", str(root), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ, check=False)
    assert not check or done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if done.stdout else {}, done.stderr


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_sixty_clips_in_three_archives_one_of_them_in_two_pieces_become_the_training_csv(tmp_path, hub, repo):
    write_settings(tmp_path / "data")
    summary, told = run(tmp_path / "data")
    assert (summary["listed"], summary["kept"], summary["dropped"]) == (60, 60, {})
    layout = Layout(tmp_path / "data")
    table = rows(layout.training_csv("OpenVid1M"))
    assert table == rows(layout.training_csv("training"))
    assert {row["path"].rpartition("/")[2]: int(row["num_frames"]) for row in table} == {
        name: 8 + number for number, name in enumerate(repo.clips)
    }
    assert "this fetches about" in told
    hub.reset_counts()
    again, told = run(tmp_path / "data")
    assert again["kept"] == 60
    assert hub.bytes_sent() == 0
    assert "this fetches" not in told
