"""The decode check on a Slurm cluster: one job array, one task per shard or few, all else over the shared storage.

Belongs here: submitting, following and cancelling arrays, and what a task does on its node. Does not belong here: checking a
shard (`pipeline`), what a job gives its processes (`workers.slurm_job`), Dagster (`defs`).
"""
