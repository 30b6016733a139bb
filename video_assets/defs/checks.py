"""Asset checks, thin: the findings of `publish.audit` as Dagster's check results.

All but the advisory ones block what comes after in the same run.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from video_assets.defs.project import Project
from video_assets.publish.rules.names import ADVISORY, METADATA_RULES, TRAINING_RULES

if TYPE_CHECKING:
    from video_assets.publish.rules.checks import Finding


def _specs(asset: str, rules: dict[str, str]) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(name, asset=asset, blocking=name not in ADVISORY, description=text) for name, text in rules.items()]


def _results(context: dg.AssetCheckExecutionContext, asset: str, findings: "list[Finding]") -> Iterator[dg.AssetCheckResult]:
    """Results of the checks that were asked for: all of a run, or the one a person clicked."""
    asked = {key.name for key in context.selected_asset_check_keys}
    for finding in (finding for finding in findings if finding.name in asked):
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=finding.name,
            passed=finding.is_passed,
            severity=dg.AssetCheckSeverity.WARN if finding.name in ADVISORY else dg.AssetCheckSeverity.ERROR,
            description=finding.description,
            metadata=finding.numbers,
        )


@dg.multi_asset_check(specs=_specs("enriched_metadata", METADATA_RULES), name="metadata_checks", can_subset=True)
def metadata_checks(context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.AssetCheckResult]:
    """Nothing is lost between the sources and enriched_metadata."""
    from video_assets.publish.audit import audit_metadata

    yield from _results(context, "enriched_metadata", audit_metadata(project.layout, project.sources))


@dg.multi_asset_check(specs=_specs("training_csv", TRAINING_RULES), name="training_checks", can_subset=True)
def training_checks(context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.AssetCheckResult]:
    """The published table is what was promised."""
    from video_assets.publish.audit import audit_training

    yield from _results(context, "training_csv", audit_training(project.layout, project.settings))
