"""20 new clips among 2,000 known ones: only the 20 are opened."""

from pathlib import Path

import dagster as dg
import pytest
from growth import Folder, add_new, measure


@pytest.mark.slow(10)
@pytest.mark.timeout(2400)
def test_only_new_clips_are_opened_among_two_thousand(tmp_path: Path) -> None:
    folder = Folder(tmp_path, n_known=2_000, n_new=20)
    folder.make(is_empty=False)
    add_new(folder)
    assert measure("new clips", folder.data_root).kept == 2_020
    with dg.DagsterInstance.from_config(str(folder.data_root / ".dagster")) as instance:
        probed = instance.get_latest_materialization_event(dg.AssetKey("enriched_metadata"))
        assert number(probed, "newly_probed_clips") == 20
        shards = instance.fetch_materializations(dg.AssetKey("decode_check"), limit=24).records
        assert len(shards) == 24
        assert sum(number(record.event_log_entry, "newly_decoded_clips") for record in shards) == 20


def number(event: dg.EventLogEntry | None, name: str) -> object:
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata[name].value
