"""Exports behind the training CSV, one asset per target of the settings, and the check that trainers can read the table."""

from typing import Any

import dagster as dg

from video_assets.core.consumers import CONSUMERS
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import GROUP
from video_assets.defs.project import Project
from video_assets.settings.model import Settings


def export_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """An asset for each of `exports.targets`."""
    return [_export_asset(target) for target in settings.exports.targets]


def _export_asset(target: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=asset_name(target),
        group_name=GROUP,
        kinds={"export"},
        code_version="1",
        deps=["training_csv"],
        automation_condition=cheap(),
        description=f"{CONSUMERS[target].description}. Remade when a version is published; what it cannot take is left out.",
    )
    def export_asset(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
        from video_assets.exports.export import export

        exported = export(project.layout, project.settings, target)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": exported.n_kept,
                "dagster/uri": dg.MetadataValue.path(str(exported.folder)),
                "version": str(exported.manifest["version"]),
                "left_out_clips": sum(exported.left_out.values()),
                "left_out_by_reason": dg.MetadataValue.json(exported.left_out),
                "sources": dg.MetadataValue.json(exported.manifest["sources"]),
            }
        )

    return export_asset


def asset_name(target: str) -> str:
    """The asset of a target; Dagster's names have no dots and hyphens."""
    return "export_" + target.replace("-", "_").replace(".", "_")


@dg.asset_check(
    asset="training_csv",
    name="trainers_can_read",
    description="the trainers of training.for and exports.targets (else Open-Sora 1.2) can take every clip (a warning)",
)
def trainers_can_read(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
    """Hold the published table against what the trainers can take."""
    from video_assets.exports.audit import audit_trainers

    found = audit_trainers(project.layout, project.settings)
    return dg.AssetCheckResult(
        passed=found.is_passed, severity=dg.AssetCheckSeverity.WARN, description=found.description, metadata=found.numbers
    )
