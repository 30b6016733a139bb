"""What the proof works on: clips, the laptop's CSV of them, the chart's values, and a count of how often clips are opened."""

import contextlib
import ctypes
import os
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import tomlkit
import yaml
from cluster import run
from media_factory import make_clip

from video_assets.core.sharding import shard_keys

START_TIMEOUT_S = 120
SHARDS = shard_keys(6)
N_COPIES = int(os.environ.get("COPIES", "36"))
SETTINGS = {
    "own_clips": {"settle_s": 0},
    "filter": {"max_file_size_mib": 1000},
    "decode": {"n_shards": 6, "memory_mib": 300, "workers": 1, "lease_stale_s": 20},
    "training": {"duplicates": "keep"},
    "checks": {"max_drop_share": 1, "max_bad_share": 1, "max_shard_excess": 1},
    "automation": {"is_enabled": False, "keep_runs_days": 0},
}

_LIMITS = {"cpu": os.environ.get("RUN_CPU", "500m"), "memory": "1Gi"}
RESOURCES = {
    kind: {"requests": {"cpu": "50m", "memory": memory}, "limits": _LIMITS}
    for kind, memory in {"decode": "300Mi", "downloads": "200Mi", "tables": "250Mi"}.items()
}


class Opened:
    """How often each clip was opened, counted with inotify where this machine sees the volume."""

    _IN_OPEN, _IS_FOLDER = 0x20, 0x40000000

    def __init__(self, folder: Path | None) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if folder else -1
        for place in [folder, *(path for path in folder.rglob("*") if path.is_dir())] if folder else []:
            self._libc.inotify_add_watch(self._watch, os.fsencode(place), self._IN_OPEN)

    def counts(self) -> Counter[str] | None:
        """Openings since the last call, by file name; None when nobody counts."""
        if self._watch < 0:
            return None
        found: Counter[str] = Counter()
        with contextlib.suppress(BlockingIOError):
            while block := os.read(self._watch, 1 << 16):
                while block:
                    _, mask, _, length = struct.unpack_from("iIII", block)
                    name = block[16 : 16 + length].rstrip(b"\0").decode()
                    found[name] += bool(name) and not name.endswith(".csv") and not mask & self._IS_FOLDER
                    block = block[16 + length :]
        return +found


def make_clips(folder: Path) -> None:
    """The sample, copies of a clip that takes a second, and one that needs more memory than a worker may take."""
    clips = folder / "clips"
    run(sys.executable, "-m", "video_assets.cli.app", "sample", str(clips))
    long = make_clip(clips / "long-0.mp4", n_frames=100, size=(960, 540))
    for number in range(1, N_COPIES):
        long.with_name(f"long-{number}.mp4").write_bytes(long.read_bytes() + b"\0\0\0\x10free" + number.to_bytes(8, "big"))
    make_clip(clips / "huge.mp4", n_frames=2, size=(8000, 8000), video="mpeg4")
    with (clips / "captions.csv").open("a", encoding="utf-8") as captions:
        captions.writelines(f"{name},caption of {name}\n" for name in ["huge.mp4", *(f"long-{n}.mp4" for n in range(N_COPIES))])


def laptop_run(folder: Path) -> None:
    """One machine makes its CSV of the same clips."""
    settings = {
        **SETTINGS,
        "own_clips": {"folder": str(folder / "clips"), "captions": str(folder / "clips/captions.csv"), "settle_s": 0},
    }
    settings["training"] = {**SETTINGS["training"], "relative_to": str(folder)}
    data = folder / "data"
    data.mkdir()
    (data / "video_assets.toml").write_text(tomlkit.dumps(settings))
    run(sys.executable, "-m", "video_assets.cli.app", "run", "--data-root", str(data))


def images() -> list[str]:
    """Options of helm: the images that the nodes have."""
    repository, _, tag = os.environ.get("IMAGE", "video-assets:dev").rpartition(":")
    options = [f"image.repository={repository}", f"image.tag={tag}"]
    if image := os.environ.get("POSTGRES_IMAGE"):
        name, _, version = image.rpartition(":")
        options += [f"postgresql.bundled.image.repository={name}", f"postgresql.bundled.image.tag={version}"]
    return [word for option in options for word in ("--set", option)]


def values(folder: Path) -> str:
    repository, _, tag = os.environ.get("IMAGE", "video-assets:dev").rpartition(":")
    small = {"requests": {"cpu": "50m", "memory": "300Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    settings = {**SETTINGS, "own_clips": {"folder": "/data/clips", "captions": "/data/clips/captions.csv", "settle_s": 0}}
    settings["training"] = {**SETTINGS["training"], "relative_to": "/data"}
    chosen: dict[str, Any] = {
        "image": {"repository": repository, "tag": tag},
        "settings": settings,
        "data": {"size": "1Gi"},
        "runs": {
            "maxConcurrent": 6,
            "pools": {"decode": 6},
            "nodeLossSeconds": 10,
            "startTimeoutSeconds": START_TIMEOUT_S,
            "resources": RESOURCES,
        },
        "webserver": {"resources": small},
        "daemon": {"resources": small, "livenessProbe": {"enabled": False}},
        "codeServer": {"resources": small},
        # On a small cluster the pods that are not runs stay off the node that is going to be lost.
        "affinity": _away_from(os.environ.get("NODE", "")),
        "postgresql": {"bundled": {"enabled": True}},
    }
    if image := os.environ.get("POSTGRES_IMAGE"):
        name, _, version = image.rpartition(":")
        chosen["postgresql"]["bundled"]["image"] = {"repository": name, "tag": version}
    if host := os.environ.get("POSTGRES_HOST"):
        chosen["postgresql"] = {"host": host, "passwordSecret": {"name": "proof-postgresql"}}
        secret = run("kubectl", "create", "secret", "generic", "proof-postgresql", "--from-literal=postgresql-password=dagster",
                     "--dry-run=client", "--output=yaml")  # fmt: skip
        run("kubectl", "apply", "--filename=-", input=secret)
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(chosen))
    return str(path)


def _away_from(node: str) -> dict[str, Any]:
    if not node:
        return {}
    other = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [other]}}}
