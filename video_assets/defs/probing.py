"""The job `probe`: other machines help to measure the new clips of a first listing.

It makes no table: the run of enriched_metadata takes what the helpers leave (`pipeline.probing`). Dagster spreads its partitions
as it does those of the decode check, in the same pool. Nobody needs it where one machine is enough.
"""

import dagster as dg

from video_assets.defs.jobs import PROBE
from video_assets.defs.partitions import probe_partitions
from video_assets.defs.project import Project


@dg.op(name="probe_new_clips", pool="decode", description="Measures the new clips of one part, unless somebody is at work on it.")
def probe_new_clips(context: dg.OpExecutionContext, project: dg.ResourceParam[Project]) -> None:
    """See the module."""
    from video_assets.pipeline.probing import probe_new

    helped = probe_new(
        project.layout,
        project.sources,
        parts=[context.partition_key],
        settings=project.settings.decode,
        progress=project.progress(context.log.info),
        memory_bytes=project.table_bytes,
        run_id=context.run.run_id,
    )
    for part, holder in helped.held.items():
        context.log.info(f"{part} is held by {holder}: nothing is left to do here")
    context.add_output_metadata({"newly_probed_clips": helped.n_probed})


@dg.job(
    name=PROBE,
    partitions_def=probe_partitions(),
    description="Helpers that measure new clips: launch a backfill of its partitions while `prepare` probes a first listing.",
)
def probe_job() -> None:
    """One op."""
    probe_new_clips()
