"""Every benchmark that needs no other program still runs, on next to nothing; no time is asserted."""

import os
from pathlib import Path

import pytest
from command_line import script

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = {
    "census": ["--rows", "100"],
    "engines": ["--rows", "2000", "--memory", "500MB"],
    "exports": ["--rows", "200"],
    "growth": ["--known", "12", "--new", "2", "--shards", "2", "--cases", "first"],
    "harmless": ["--made", "2", "--tries", "2"],
    "listing": ["--files", "20", "--rows", "20"],
    "look": ["--rows", "200"],
    "miradata_sections": ["--minutes", "1", "--shares", "30", "--rounds", "1", "--latency-ms", "0", "--mb-per-s", "0"],
    "own_clips_sensor": ["20", "2"],
    "own_rules": ["--clips", "4"],
    "pictures": ["--clips", "4", "--codecs", "libx264,mpeg4"],
    "probing": ["--clips", "20", "--workers", "1"],
    "retention": ["--nights", "1"],
    "training_csv": ["--rows", "200"],
    "versions": ["--rows", "2000"],
    "what_if": ["--rows", "200", "--only", "all numbers"],
}
# They compare with ffmpeg, strace or servers, or need a folder of clips.
OTHERS = {
    "agreement",
    "chain",
    "decode_check",
    "kit_expected",
    "left_out",
    "miradata_cut",
    "openvid",
    "openvid_connections",
    "probe",
    "python_share",
    "readers",
    "reading",
    "slurm",
    "stages",
    "trainers",
    "unattended",
    "workers",
}


def test_each_benchmark_is_run_here_or_needs_more_than_a_test_has():
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == TINY.keys() | OTHERS


@pytest.mark.parametrize("name", TINY)
def test_it_runs_wherever_it_is_started(name, tmp_path):
    # Settings of the folder in which it is started must not reach it.
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "video_assets.toml").write_text("[filter]\nmax_file_size_mib = 0.000001\n")
    done = script(BENCHMARKS / f"{name}.py", *TINY[name], cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
