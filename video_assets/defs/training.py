"""The product and its report."""

from typing import Any

import dagster as dg

from video_assets.core.schema import TRAINING
from video_assets.defs.conditions import cheap, complete_only
from video_assets.defs.describe import OWNERS, column_schema, published_metadata, report_metadata
from video_assets.defs.project import Project


@dg.asset(
    group_name="training",
    kinds={"csv", "parquet", "pandas"},
    owners=OWNERS,
    code_version="1",
    deps=["decode_check"],
    metadata=column_schema(TRAINING),
    automation_condition=complete_only(),
    description="The training CSV: every clip in it decodes. Made from complete, current shards only; rows in stable order.",
)
def training_csv(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Publish CSV, Parquet twin, manifest and the table of dropped clips."""
    from video_assets.publish.publish import publish

    published = publish(project.layout, project.settings)
    return dg.MaterializeResult(metadata=published_metadata(published), data_version=dg.DataVersion(published.csv_hash))


@dg.asset(
    group_name="training",
    kinds={"matplotlib"},
    owners=OWNERS,
    code_version="1",
    deps=[training_csv],
    automation_condition=cheap(),
    description="Pictures of the published table: funnel, histograms, shards, contact sheets of kept and dropped clips.",
)
def dataset_report(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Draw the report of what `training_csv` published."""
    from video_assets.report.report import write_report

    return dg.MaterializeResult(metadata=report_metadata(write_report(project.layout, project.settings)))
