"""The code location: `build_defs` for given settings, `defs` for those of the environment.

The only module that reads the environment when Dagster loads it.
"""

import warnings

import dagster as dg

from video_assets.defs.alerts import alerts_sensor
from video_assets.defs.automation import automation_sensor, build_schedules
from video_assets.defs.census import census_assets
from video_assets.defs.clean_up import clean_up_job, clean_up_schedule
from video_assets.defs.code_versions import with_settings
from video_assets.defs.decode import decode_check, decode_schedule, shard_lists
from video_assets.defs.exports import export_assets, trainers_can_read
from video_assets.defs.hub_dataset import hub_clips
from video_assets.defs.jobs import build_jobs
from video_assets.defs.metadata import enriched_metadata, size_filtered
from video_assets.defs.miradata import miradata_assets, miradata_schedules
from video_assets.defs.openvid import openvid_assets, openvid_schedules, openvid_sensors
from video_assets.defs.own_clips import own_clips, own_clips_sensors
from video_assets.defs.probing import probe_job
from video_assets.defs.project import Project
from video_assets.defs.training import dataset_report, metadata_checks, training_checks, training_csv, with_freshness_policy
from video_assets.interpreter import all_is_loaded, settle
from video_assets.progress import Progress
from video_assets.settings.model import Settings, Source, load_settings


def build_defs(
    settings: Settings,
    *,
    terminal: Progress | None = None,
    # One step per run: a process per step would cost seconds and share nothing.
    executor: dg.ExecutorDefinition | None = dg.in_process_executor,
) -> dg.Definitions:
    """Definitions for `settings`; only enabled sources appear in the graph. `terminal` shows progress to a person.

    Merge them into a project of your own with `dg.Definitions.merge(build_defs(settings), mine)`; with `executor=None` when
    `mine` has one, since a project has one executor.

    >>> import video_assets
    >>> settings = video_assets.Settings(data_root="data", own_clips={"folder": "clips"})
    >>> sorted(key.to_user_string() for key in video_assets.build_defs(settings).resolve_all_asset_keys())[:3]
    ['dataset_report', 'decode_check', 'enriched_metadata']
    """
    project = Project(settings, terminal)
    with warnings.catch_warnings():
        # Beta in Dagster 1.13, relied upon on purpose: tests/upstream holds what it does.
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        assets = list(with_settings(_assets(settings, project.sources), settings))
    return dg.Definitions(
        assets=assets,
        asset_checks=[metadata_checks, training_checks, trainers_can_read],
        jobs=[
            *build_jobs(project.sources, exports=[each.key.to_user_string() for each in _behind_the_csv(settings)]),
            probe_job,
            clean_up_job,
        ],
        schedules=[
            *build_schedules(settings),
            *openvid_schedules(settings),
            *miradata_schedules(settings),
            decode_schedule(settings),
            clean_up_schedule(settings),
        ],
        sensors=[
            automation_sensor(settings, [key for asset in assets for key in asset.keys]),
            *own_clips_sensors(settings),
            *openvid_sensors(settings),
            alerts_sensor(settings),
        ],
        resources={"project": project},
        executor=executor,
    )


def _assets(settings: Settings, sources: tuple[Source, ...]) -> list[dg.AssetsDefinition]:
    return [
        *([own_clips] if settings.own_clips.is_enabled else []),
        *openvid_assets(settings),
        *miradata_assets(settings),
        *([hub_clips] if settings.hub.is_enabled else []),
        enriched_metadata(sources),
        size_filtered,
        shard_lists(settings),
        decode_check(settings),
        with_freshness_policy(training_csv, settings),
        dataset_report,
        *_behind_the_csv(settings),
    ]


def _behind_the_csv(settings: Settings) -> list[dg.AssetsDefinition]:
    """What is made of a published version for trainers."""
    return [*census_assets(settings), *export_assets(settings)]


@dg.definitions
def defs() -> dg.Definitions:
    """What web server, daemon and runs load."""
    settle()
    found = build_defs(load_settings())
    all_is_loaded()
    return found
