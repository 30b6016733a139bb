"""Another number of shards: it is noticed and explained; shaping anew decodes nothing and gives the same CSV."""

import pytest
from data_roots import Clip, fill, make_lists

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.currency import IncompleteInputError
from video_assets.pipeline.decode_check import check_shards
from video_assets.progress import no_progress
from video_assets.publish.publish import publish

CLIPS = [Clip(f"{number}.mp4", verdict="bad" if number == 7 else "good") for number in range(20)]


def with_shards(settings, n_shards):
    return settings.model_copy(update={"decode": settings.decode.model_copy(update={"n_shards": n_shards})})


@pytest.mark.parametrize("n_shards", [1, 3, 7])
def test_another_number_of_shards_is_explained_and_shaped_anew_without_decoding(tmp_path, n_shards):
    layout, settings = fill(tmp_path, CLIPS)
    before = publish(layout, settings).csv.read_bytes()
    settings = with_shards(settings, n_shards)
    with pytest.raises(IncompleteInputError, match=f"decode.n_shards is {n_shards} now, .* made for 2.*no clip is decoded again"):
        publish(layout, settings)

    make_lists(layout, settings)
    outcomes = list(check_shards(layout, shard_keys(n_shards), settings=settings.decode, progress=no_progress))
    assert [outcome.failure for outcome in outcomes] == [""] * n_shards
    assert sum(outcome.n_decoded for outcome in outcomes) == 0
    assert publish(layout, settings).csv.read_bytes() == before
