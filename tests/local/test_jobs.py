"""What a failed job says in the terminal."""

import dagster as dg
import pytest

from video_assets.local.jobs import JobFailedError, Jobs
from video_assets.storage.stages import StageError


def failing_with(error: Exception) -> dg.AssetsDefinition:
    """An asset whose error has a cause."""

    @dg.asset
    def broken() -> None:
        try:
            int("twelve")
        except ValueError as cause:
            raise error from cause

    return broken


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            StageError("exclude.csv, row 3: not a number: write it in digits"),
            "exclude.csv, row 3: not a number: write it in digits",
        ),
        (RuntimeError("in a library"), "invalid literal for int"),
    ],
)
def test_it_says_our_own_words_and_of_other_errors_the_first_cause(error: Exception, said: str) -> None:
    defs = dg.Definitions(assets=[failing_with(error)], jobs=[dg.define_asset_job("one")])
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(JobFailedError, match=f"job one failed: {said}"):
        Jobs(defs, instance, print).run("one")
