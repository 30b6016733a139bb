"""What Slurm gave the job that this process belongs to.

Sites without control groups for CPUs and memory enforce neither, and then nothing but these variables says what is ours: affinity
and /proc show the whole node.
Belongs here: Slurm's variables of a job. Does not belong here: submitting jobs (`slurm`), control groups (`workers.cpus`,
`workers.memory`).
"""

import os
from collections.abc import Mapping

_MIB = 1 << 20


def job_cpus(environ: Mapping[str, str] = os.environ) -> int | None:
    """CPUs of this task of the job, or of the job on this node; None outside of a job."""
    if "SLURM_JOB_ID" not in environ:
        return None
    return _number(environ, "SLURM_CPUS_PER_TASK") or _number(environ, "SLURM_CPUS_ON_NODE")


def job_memory_bytes(environ: Mapping[str, str] = os.environ) -> int | None:
    """Memory of the job on this node, bytes; None outside of a job, and where Slurm does not share out memory."""
    if "SLURM_JOB_ID" not in environ:
        return None
    if per_node := _number(environ, "SLURM_MEM_PER_NODE"):
        return per_node * _MIB
    per_cpu, cpus = _number(environ, "SLURM_MEM_PER_CPU"), job_cpus(environ)
    return per_cpu * cpus * _MIB if per_cpu and cpus else None


def _number(environ: Mapping[str, str], name: str) -> int | None:
    """A positive whole number; None for what Slurm writes otherwise (0 memory is all of the node's)."""
    text = environ.get(name, "")
    return int(text) or None if text.isascii() and text.isdigit() else None
