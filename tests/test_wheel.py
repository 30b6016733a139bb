"""The wheel works outside the checkout: installed, then used in an empty folder."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from video_assets.samples.demo.make import Sample

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")


@pytest.mark.slow(60)
def test_the_wheel_makes_the_samples_csv_in_an_empty_folder_also_after_a_kill(sample: Sample, tmp_path: Path) -> None:
    wheels, site, empty = tmp_path / "wheels", tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    wheel = built_wheel(wheels)
    # As pip does; else every worker would compile the package anew where no byte code may be written.
    install = [UV, "pip", "install", "--quiet", "--no-deps", "--compile-bytecode", "--python", sys.executable, "--target", site]
    subprocess.run([*install, wheel], check=True)
    # The checkout is installed as well: what is in `site` must come first.
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONWARNINGS": "ignore"}
    where = "import video_assets; print(video_assets.__file__)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", where], cwd=empty, env=environment, check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == str(site / "video_assets" / "__init__.py")
    command = [sys.executable, "-P", site / "bin" / "video-assets", "run", "--sample", "--shards", "2", "--json"]
    with subprocess.Popen(command, cwd=empty, env=environment) as first:
        kill_while_it_makes(empty / "data" / "sample", first)
    done = subprocess.run(command, cwd=empty, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["csv"] == str(empty / "data" / "training" / "training.csv")
    with Path(summary["csv"]).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == summary["kept"] > 0
    assert [path.name for path in empty.iterdir()] == ["data"]
    assert not (empty / "data" / ".draft-sample").exists()
    assert hashes(empty / "data" / "sample") == hashes(sample.clips), "made again after a kill, every file has the same bytes"


def kill_while_it_makes(folder: Path, program: "subprocess.Popen[bytes]") -> None:
    """SIGKILL after some clips of the sample: what that leaves must never be taken for the sample."""
    draft = folder.with_name(".draft-sample")
    deadline = time.monotonic() + 300
    while not (draft.exists() and len(list(draft.iterdir())) >= 3):
        assert program.poll() is None, "made before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    program.kill()
    program.wait()
    assert not folder.exists()
    assert draft.exists()


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow(120)
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_wheel_runs_on_newer_pythons_that_are_there(version: str, tmp_path: Path) -> None:
    found = subprocess.run([UV, "python", "find", "--no-python-downloads", version], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"no Python {version} here")
    environment, python = tmp_path / "venv", tmp_path / "venv" / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", found.stdout.strip(), environment], check=True)
    pins = ROOT / "requirements" / "run.txt"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", pins], check=True)
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", python, "--no-deps", built_wheel(tmp_path / "wheels")], check=True
    )
    line = [python.with_name("video-assets"), "run", "--sample", "--shards", "2", "--json"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kept"] > 0


def built_wheel(folder: Path) -> Path:
    build = [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel
