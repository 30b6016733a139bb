"""The wheel works outside the checkout: installed, then used in an empty folder."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow(60)
def test_the_wheel_makes_the_samples_csv_in_an_empty_folder(tmp_path: Path) -> None:
    wheels, site, empty = tmp_path / "wheels", tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    uv = Path(sys.executable).with_name("uv")
    build = [uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", wheels, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = wheels.glob("*.whl")
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", site, wheel]
    subprocess.run(install, check=True)
    # The checkout is installed as well: what is in `site` must come first.
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONWARNINGS": "ignore"}
    where = "import video_assets; print(video_assets.__file__)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", where], cwd=empty, env=environment, check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == str(site / "video_assets" / "__init__.py")
    command = [sys.executable, "-P", site / "bin" / "video-assets", "run", "--sample", "--shards", "2", "--json"]
    done = subprocess.run(command, cwd=empty, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["csv"] == str(empty / "data" / "training" / "training.csv")
    with Path(summary["csv"]).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == summary["kept"] > 0
    assert [path.name for path in empty.iterdir()] == ["data"]
