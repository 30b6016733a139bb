"""What a failed job says in the terminal."""

import dagster as dg
import pytest

from video_assets.local.jobs import JobFailedError, Jobs
from video_assets.storage.stages import StageError


@dg.asset
def broken() -> None:
    try:
        int("twelve")
    except ValueError as error:
        raise StageError("exclude.csv, row 3: not a number: write it in digits") from error


@dg.asset
def broken_elsewhere() -> None:
    try:
        int("twelve")
    except ValueError as error:
        raise RuntimeError("in a library") from error


@pytest.mark.parametrize(
    ("asset", "said"),
    [(broken, "exclude.csv, row 3: not a number: write it in digits"), (broken_elsewhere, "invalid literal for int")],
)
def test_it_says_our_own_words_and_of_other_errors_the_first_cause(asset: dg.AssetsDefinition, said: str) -> None:
    defs = dg.Definitions(assets=[asset], jobs=[dg.define_asset_job("one")])
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(JobFailedError, match=f"job one failed: {said}"):
        Jobs(defs, instance, print).run("one")
