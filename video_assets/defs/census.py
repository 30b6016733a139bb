"""The census behind the training CSV, for trainers with buckets that the settings name."""

from typing import Any

import dagster as dg

from video_assets.core.consumers import trainers_with_buckets
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import GROUP
from video_assets.defs.project import Project
from video_assets.settings.model import Settings


def census_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The asset, where `training.for` or `exports.targets` names a trainer whose buckets are known."""
    return [trainer_census] if trainers_with_buckets((*settings.training.for_, *settings.exports.targets)) else []


@dg.asset(
    group_name=GROUP,
    kinds={"matplotlib"},
    code_version="1",
    deps=["training_csv"],
    automation_condition=cheap(),
    description="What the trainers of the settings will do with the table: clips per bucket, what falls out, batches per epoch.",
)
def trainer_census(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Count and draw."""
    from video_assets.census.table import census_markdown
    from video_assets.census.written import write_census
    from video_assets.report.previews import picture_markdown

    taken = write_census(project.layout, project.settings)
    pages = [f"{census_markdown(census)}\n\n{picture_markdown(picture, census.trainer)}" for census, picture in taken]
    return dg.MaterializeResult(
        metadata={
            "census": dg.MetadataValue.md("\n\n".join(pages)),
            **{f"{census.trainer}_json": dg.MetadataValue.json(census.as_record) for census, _ in taken},
            **{f"{census.trainer}_placed_clips": census.placed for census, _ in taken},
            "dagster/uri": dg.MetadataValue.path(str(project.layout.census)),
        }
    )
