"""20 new clips among 100,000 known ones: only the 20 are opened."""

from pathlib import Path

import dagster as dg
import pytest
from incremental import add_new, make_known, run

from video_assets.samples.demo.make import Sample


@pytest.mark.slow(25)
@pytest.mark.timeout(600)
def test_only_new_clips_are_opened_among_a_hundred_thousand(sample: Sample, tmp_path: Path) -> None:
    base = sample.clips / "windmill-no-sound.mp4"
    data_root = make_known(tmp_path, base, n_clips=100_000)
    add_new(tmp_path, base, n_clips=20)
    assert run(data_root)["kept"] == 100_020
    with dg.DagsterInstance.from_config(str(data_root / ".dagster")) as instance:
        probed = instance.get_latest_materialization_event(dg.AssetKey("enriched_metadata"))
        assert number(probed, "newly_probed_clips") == 20
        shards = instance.fetch_materializations(dg.AssetKey("decode_check"), limit=24).records
        assert len(shards) == 24
        assert sum(number(record.event_log_entry, "newly_decoded_clips") for record in shards) == 20


def number(event: dg.EventLogEntry | None, name: str) -> object:
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata[name].value
