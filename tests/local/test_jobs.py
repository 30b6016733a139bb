"""What a failed job says in the terminal."""

import dagster as dg
import pytest

from video_assets.defs.failures import why_failed
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


@pytest.mark.parametrize("severity", [dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN])
def test_a_check_that_stops_a_job_is_told_with_its_own_words(severity: dg.AssetCheckSeverity) -> None:
    @dg.asset
    def table() -> None: ...

    @dg.asset_check(asset=table, blocking=True)
    def files_exist() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=severity, description="a.mp4 is gone: bring it back")

    defs = dg.Definitions(assets=[table], asset_checks=[files_exist], jobs=[dg.define_asset_job("one")])
    with dg.DagsterInstance.ephemeral() as instance:
        jobs = Jobs(defs, instance, print)
        if severity is dg.AssetCheckSeverity.WARN:
            jobs.run("one")
            return
        with pytest.raises(JobFailedError, match=r"job one failed: table, files_exist: a\.mp4 is gone: bring it back"):
            jobs.run("one")
        (run,) = instance.get_runs()
        assert why_failed(instance, run.run_id) == "table, files_exist: a.mp4 is gone: bring it back"
