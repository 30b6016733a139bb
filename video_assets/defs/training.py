"""The product, its report, its checks, and how old it may be.

The checks are the findings of `publish.audit` as Dagster's results; all but the advisory ones block what comes after in the
same run.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from video_assets.core.schema import TRAINING
from video_assets.defs.conditions import cheap, complete_only
from video_assets.defs.describe import GROUP, column_schema, look_metadata, published_metadata, report_metadata
from video_assets.defs.project import Project
from video_assets.publish.rules.names import ADVISORY, METADATA_RULES, TRAINING_RULES
from video_assets.settings.model import Settings

if TYPE_CHECKING:
    from video_assets.publish.rules.checks import CheckFinding


@dg.asset(
    group_name=GROUP,
    kinds={"csv", "parquet", "pandas"},
    code_version="1",
    deps=["decode_check"],
    metadata=column_schema(TRAINING),
    automation_condition=complete_only(),
    description="The training CSV: every clip in it decodes. Made from complete, current shards only; rows in stable order.",
)
def training_csv(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Publish CSV, Parquet twin, manifest and the table of dropped clips."""
    from video_assets.publish.publish import publish

    published = publish(project.layout, project.settings, progress=project.progress(context.log.info))
    return dg.MaterializeResult(
        metadata=published_metadata(project.layout, published, look=project.settings.look.url),
        data_version=dg.DataVersion(published.csv_hash),
    )


@dg.asset(
    group_name=GROUP,
    kinds={"matplotlib"},
    code_version="2",
    deps=[training_csv],
    automation_condition=cheap(),
    description="Pictures of the published table, and a page with all of them: funnel, histograms, shards, contact sheets.",
)
def dataset_report(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Draw the report of what `training_csv` published."""
    from video_assets.explain.reasons import MEANINGS
    from video_assets.look.links import look_url
    from video_assets.report.report import write_report

    look, progress = project.settings.look.url, project.progress(context.log.info)
    address_of = partial(look_url, look)
    report = write_report(project.layout, project.settings, meanings=MEANINGS, address_of=address_of, progress=progress)
    if project.settings.look.is_prepared:
        _prepare_page(context, project)
    return dg.MaterializeResult(metadata=report_metadata(report, look=look))


def _prepare_page(context: dg.AssetExecutionContext, project: Project) -> None:
    from video_assets.look.catalogue import prepare

    if trouble := prepare(project.layout, project.settings):
        context.log.warning("the page to look at clips is not prepared: %s", trouble)


def with_freshness_policy(csv: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """The asset with a freshness policy: nothing tells a person that nothing happened, unless it is watched."""
    max_age_h = settings.automation.max_csv_age_h
    if not max_age_h or not settings.automation.is_enabled:
        return csv
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=max_age_h), warn_window=timedelta(hours=max_age_h * 0.75))
    return csv.map_asset_specs(lambda spec: spec.replace_attributes(freshness_policy=policy))


def _specs(asset: str, rules: dict[str, str]) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(name, asset=asset, blocking=name not in ADVISORY, description=text) for name, text in rules.items()]


def _results(
    context: dg.AssetCheckExecutionContext, asset: str, findings: "list[CheckFinding]", *, look: str | None
) -> Iterator[dg.AssetCheckResult]:
    """Results of the checks that were asked for: all of a run, or the one a person clicked. A failed one links to its clips."""
    asked = {key.name for key in context.selected_asset_check_keys}
    for finding in (finding for finding in findings if finding.name in asked):
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=finding.name,
            passed=finding.is_passed,
            severity=dg.AssetCheckSeverity.WARN if finding.name in ADVISORY else dg.AssetCheckSeverity.ERROR,
            description=finding.advised,
            metadata=finding.numbers
            if finding.is_passed
            else {**finding.numbers, **look_metadata(look, finding.n_clips, **finding.look_at)},
        )


@dg.multi_asset_check(specs=_specs("enriched_metadata", METADATA_RULES), name="metadata_checks", can_subset=True)
def metadata_checks(context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.AssetCheckResult]:
    """Nothing is lost between the sources and enriched_metadata."""
    from video_assets.publish.audit import audit_metadata

    yield from _results(
        context, "enriched_metadata", audit_metadata(project.layout, project.sources), look=project.settings.look.url
    )


@dg.multi_asset_check(specs=_specs("training_csv", TRAINING_RULES), name="training_checks", can_subset=True)
def training_checks(context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.AssetCheckResult]:
    """The published table is what was promised."""
    from video_assets.publish.audit import audit_training

    yield from _results(context, "training_csv", audit_training(project.layout, project.settings), look=project.settings.look.url)
