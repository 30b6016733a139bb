"""A take-down that is killed while it takes rows out of a kept version, then another request, then the first one again."""

import pyarrow.parquet as pq
import pytest
from data_roots import Clip, fill_once

from video_assets.publish.manifest import problems_in, read_manifest
from video_assets.publish.publish import publish
from video_assets.takedown import redact
from video_assets.takedown.take_down import plan_takedown, redact_versions, take_down

SECTIONS = {"openvid": {"is_enabled": True}, "training": {"relative_to": "/clips"}}
WORDS = "words of the first request"
NAME = "own_clips-OpenVid1M"
ROWS = {"OpenVid1M.csv": 1, "own_clips.csv": 5, f"{NAME}.csv": 6, f"{NAME}.parquet": 6, "dropped.parquet": 2}
NOTE = '[{"clip_key": "openvid/part_0/first.mp4", "cause": "x", "path": "/clips/openvid/first.mp4"}]'


def clips():
    named = [Clip(f"{number}.mp4", text=f"dog {number}", content_hash=f"{number:032x}") for number in range(6)]
    first = Clip("first.mp4", source="openvid", partition="part_0", text=WORDS, content_hash="f" * 32)
    return [*named, first, Clip("other.mp4", source="openvid", partition="part_0", text="a cat", content_hash="e" * 32)]


def request(tmp_path, key):
    path = tmp_path / "request.txt"
    path.write_text(key)
    return path


def done(layout, settings, file):
    planned = plan_takedown(layout, file)
    return redact_versions(layout, settings, planned, take_down(layout, settings, planned))


def words_in(folder):
    """Files of a version in which the words still stand."""
    tables = {path.name: pq.read_table(path).to_pandas().to_csv() for path in folder.glob("*.parquet")}
    texts = {path.name: path.read_text() for path in folder.glob("*.csv")}
    return [name for name, text in {**tables, **texts}.items() if WORDS in text]


class Killed(BaseException):
    """As if by SIGKILL."""


@pytest.mark.parametrize("n_done", range(len(ROWS) + 2))
def test_whatever_comes_next_nothing_of_the_clip_stays_and_the_numbers_are_right(tmp_path, monkeypatch, n_done):
    layout, settings = fill_once(tmp_path / "root", clips(), **SECTIONS)
    publish(layout, settings)
    folder = layout.versions / "000001"
    before = read_manifest(folder / f"{NAME}.manifest.json")
    assert set(before.files) == set(ROWS)
    assert sorted(words_in(folder)) == ["OpenVid1M.csv", f"{NAME}.csv", f"{NAME}.parquet"]
    steps = iter(range(99))

    def killed_after(step):
        def stop(*values, **named):
            if next(steps) >= n_done:
                raise Killed
            return step(*values, **named)

        return stop

    with monkeypatch.context() as patched:
        for name in ("_redact_file", "write_manifest"):
            patched.setattr(redact, name, killed_after(getattr(redact, name)))
        if n_done <= len(ROWS):
            with pytest.raises(Killed):
                done(layout, settings, request(tmp_path, "openvid/part_0/first.mp4"))
        else:  # all was done, only the note beside the files is left
            done(layout, settings, request(tmp_path, "openvid/part_0/first.mp4"))
            (folder / ".redaction.json").write_text(NOTE)
    done(layout, settings, request(tmp_path, "own_clips/3.mp4"))
    done(layout, settings, request(tmp_path, "openvid/part_0/first.mp4"))
    assert words_in(folder) == []
    after = read_manifest(folder / f"{NAME}.manifest.json")
    assert problems_in(folder, after) == []
    assert (before.rows, after.rows, after.counts.kept, after.counts.listed) == (8, 6, 6, before.counts.listed)
    assert after.counts.dropped == {"training_csv": {"taken_down": 2}}
    assert {name: counts["kept"] for name, counts in after.counts.sources.items()} == {"openvid": 1, "own_clips": 5}
    assert {name: facts.rows for name, facts in after.files.items()} == ROWS
    assert sum(entry.rows for entry in after.redacted) == 2
    assert not (folder / ".redaction.json").exists()
