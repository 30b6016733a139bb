"""Checks of a published table that ask the disk."""

import pandas as pd
import pytest
from data_roots import Clip, fill

from video_assets.core.schema import CLIPS, DROPPED, LEDGER
from video_assets.publish import audit
from video_assets.publish.audit import audit_metadata, audit_training
from video_assets.publish.publish import publish
from video_assets.storage.stages import read_stage, write_stage
from video_assets.storage.tables import read_table, write_table

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
    assert finding(layout, settings, "files_exist").is_passed
    (clips / names[3]).write_bytes(bytes(8))
    (clips / names[2_400]).unlink()
    found = finding(layout, settings, "files_exist")
    assert not found.is_passed
    assert found.description == f"2 files gone or of another size, first {str(clips / names[3])!r}"


def test_clips_that_are_listed_while_a_version_is_checked_are_no_fault_of_it_and_a_lost_one_is(tmp_path):
    clips = [Clip("a.mp4"), Clip("b.mp4"), Clip("c.mp4", text=" ")]
    layout, settings = fill(tmp_path, clips)
    publish(layout, settings)
    assert finding(layout, settings, "counts_reconcile").description == "3 listed = 2 kept + 1 dropped; the CSV has 2 rows"
    listed = read_table(layout.ledger("own_clips"), LEDGER).rows
    fill(tmp_path, [*clips, Clip("d.mp4")], upto="own_clips")
    found = finding(layout, settings, "counts_reconcile")
    assert (found.is_passed, "listed again since" in found.description) == (True, True)
    lines = read_table(layout.dropped, DROPPED).rows
    write_table(layout.dropped, DROPPED, lines.head(0))
    assert not finding(layout, settings, "counts_reconcile").is_passed
    write_table(layout.dropped, DROPPED, lines)
    [found] = audit_metadata(layout, settings.sources)
    assert (found.is_passed, "others were listed meanwhile" in found.description) == (True, True)
    whole = read_stage(layout.enriched_metadata, CLIPS)
    write_stage(layout.enriched_metadata, CLIPS, kept=whole.kept, dropped=pd.concat([whole.dropped] * 2), note=whole.note)
    assert not audit_metadata(layout, settings.sources)[0].is_passed

    write_table(layout.ledger("own_clips"), LEDGER, listed)
    dropped = read_table(layout.dropped, DROPPED).rows
    write_table(layout.dropped, DROPPED, dropped.head(0))
    assert not finding(layout, settings, "counts_reconcile").is_passed
    layout.manifest("training").unlink()
    assert not finding(layout, settings, "counts_reconcile").is_passed
    assert "training.manifest.json is missing" in finding(layout, settings, "manifest_matches").description
    kept = read_stage(layout.enriched_metadata, CLIPS)
    write_stage(layout.enriched_metadata, CLIPS, kept=kept.kept.head(1), dropped=kept.dropped, note=kept.note)
    assert not audit_metadata(layout, settings.sources)[0].is_passed


def finding(layout, settings, name):
    [found] = [each for each in audit_training(layout, settings) if each.name == name]
    return found
