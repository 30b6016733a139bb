"""What the UI shows of a table is kept until the table changes; a copy that the disk changed is made anew."""

from pathlib import Path

from data_roots import Clip, fill

from video_assets.pipeline.stage_result import StageResult
from video_assets.report.about import stage_facts
from video_assets.storage.stages import stage_hash


def test_a_copy_that_the_disk_changed_is_made_anew(tmp_path: Path) -> None:
    layout, _ = fill(tmp_path, [Clip("a.mp4"), Clip("b.mp4", text=" "), Clip("c.mp4", file_size=3)])
    result = StageResult(layout.enriched_metadata, stage_hash(layout.enriched_metadata))
    facts, copy = stage_facts(layout, "enriched_metadata", result), layout.about("enriched_metadata")
    data = copy.read_bytes()
    for name in (b"dropped_clips", b"clip_key", b"file_size", b"empty_caption", b"histograms", b"data:image"):
        place = data.index(name) + 2
        copy.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert stage_facts(layout, "enriched_metadata", result) == facts, name
        assert copy.read_bytes() == data, name


def test_a_stage_that_lost_a_clip_has_another_picture_and_one_that_lost_none_the_same(tmp_path: Path) -> None:
    layout, _ = fill(
        tmp_path, [Clip("a.mp4"), Clip("b.mp4"), Clip("large.mp4", file_size=2 << 20)], filter={"max_file_size_mib": 1}
    )
    paths = {
        "enriched_metadata": layout.enriched_metadata,
        "size_filtered": layout.size_filtered,
        "again": layout.enriched_metadata,
    }
    pictures = [stage_facts(layout, asset, StageResult(path, stage_hash(path))).histograms for asset, path in paths.items()]
    assert pictures[0] == pictures[2] != pictures[1]
