"""Checks of a published table that ask the disk."""

import pytest
from data_roots import Clip, fill

from video_assets.publish import audit
from video_assets.publish.audit import audit_training
from video_assets.publish.publish import publish

N_CLIPS = 2_500  # more than are asked for at once


@pytest.mark.parametrize("quick_s", [0.0, 1.0], ids=["slow storage", "quick storage"])
def test_a_file_that_is_gone_or_has_another_size_is_named(tmp_path, monkeypatch, quick_s):
    monkeypatch.setattr(audit, "_QUICK_S", quick_s)
    clips = tmp_path / "clips"
    clips.mkdir()

    class Here(Clip):
        @property
        def path(self):
            return str(clips / self.name)

    names = [f"{number:05d}.mp4" for number in range(N_CLIPS)]
    for name in names:
        (clips / name).write_bytes(bytes(7))
    layout, settings = fill(tmp_path / "data", [Here(name, file_size=7) for name in names], training={"duplicates": "keep"})
    publish(layout, settings)
    assert finding(layout, settings).is_passed
    (clips / names[3]).write_bytes(bytes(8))
    (clips / names[2_400]).unlink()
    found = finding(layout, settings)
    assert not found.is_passed
    assert found.description == f"2 files gone or of another size, first {str(clips / names[3])!r}"


def finding(layout, settings):
    [found] = [each for each in audit_training(layout, settings) if each.name == "files_exist"]
    return found
