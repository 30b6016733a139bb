"""A real Slurm of two nodes and one prepared data root, for all tests of this folder."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import slurm_head
from faulty_mount import FaultyMount, faulty_mount, why_no_mount
from prepared_shards import prepare
from slurm_cluster import SlurmCluster, slurm_cluster, why_no_slurm

from video_assets.core.schema import VERDICTS
from video_assets.core.sharding import shard_keys
from video_assets.settings.model import Settings, load_settings
from video_assets.storage.layout import Layout
from video_assets.storage.parts import read_parts
from video_assets.storage.tables import read_table

N_SHARDS, CLIPS_PER_SHARD = 8, 4
CLIPS = ("aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "broken/bad-disk.mp4")


@dataclass
class Site:
    """A cluster, and clips on storage that all nodes see, that counts what is opened and can be slow."""

    cluster: SlurmCluster
    mount: FaultyMount
    prepared: Path
    shards: list[str]

    def data_root(self, folder: Path) -> Layout:
        """A data root of its own, with shard lists and no verdict."""
        return Layout(Path(shutil.copytree(self.prepared, folder / "data")))


@pytest.fixture(scope="session")
def site(sample, tmp_path_factory):
    if why := why_no_slurm() or why_no_mount():
        pytest.skip(why)
    base = tmp_path_factory.mktemp("site")
    (base / "material" / "clips").mkdir(parents=True)
    clips = [sample.clips / CLIPS[number // N_SHARDS] for number in range(N_SHARDS * CLIPS_PER_SHARD)]
    slurm = {"cpus_per_task": 1, "mem_per_cpu_mib": 2000, "poll_s": 0.5}
    with faulty_mount(base / "material" / "clips", base / "clips") as mount:
        (base / "material" / "clips").rmdir()
        decode = {"engine": "slurm", "stop_grace_s": 0}
        automation = {"is_enabled": False}
        layout = prepare(
            base / "material", clips, n_shards=N_SHARDS, folder=mount.folder, decode=decode, slurm=slurm, automation=automation
        )
        with slurm_cluster() as cluster, administered(cluster):
            yield Site(cluster, mount, layout.root, shard_keys(N_SHARDS))


@contextmanager
def administered(cluster: SlurmCluster) -> Iterator[None]:
    """Somebody resumes drained nodes: after a crash of the controller Slurm may drain one minutes later, in another test."""
    is_over = threading.Event()

    def look_after() -> None:
        while not is_over.wait(2.0):
            cluster.resume_drained_nodes()

    administrator = threading.Thread(target=look_after, daemon=True)
    administrator.start()
    try:
        yield
    finally:
        is_over.set()
        administrator.join()


class Counted:
    """How often clips were opened since the beginning."""

    def __init__(self, mount: FaultyMount) -> None:
        self._mount, self._before = mount, mount.opens()

    def __call__(self) -> dict[str, int]:
        return dict(self._mount.opens() - self._before)


@pytest.fixture
def opened(site):
    """How often each clip was opened in this test; storage is slow or broken no more afterwards, and all nodes are there."""
    yield Counted(site.mount)
    site.mount.mend()
    site.cluster.call("scancel", "--user", str(os.getuid()), check=False)
    for node in site.cluster.nodes:
        if not (site.cluster.folder / f"{node}.pid").exists():
            site.cluster.start_node(node)
    site.cluster.wait_until_idle()


@pytest.fixture
def decided(layout, site):
    """Names of the clips whose verdicts are on disk now: whatever dies, these are not opened again."""

    def read() -> set[str]:
        records = [record for shard in site.shards for record in read_parts(layout.verdict_parts(shard))[0]]
        tables = [path for path in map(layout.verdicts, site.shards) if path.exists()]
        keys = [record["clip_key"] for record in records] + [
            key for path in tables for key in read_table(path, VERDICTS)["clip_key"]
        ]
        return {key.rpartition("/")[2] for key in keys}

    return read


@pytest.fixture
def layout(site, tmp_path):
    return site.data_root(tmp_path)


@pytest.fixture
def settings_of(monkeypatch):
    """Settings of a data root with some of `[slurm]` changed."""

    def read(layout: Layout, **slurm: object) -> Settings:
        monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(layout.root))
        settings = load_settings()
        return Settings(**{**settings.model_dump(), "slurm": {**settings.slurm.model_dump(), **slurm}})

    return read


class Head:
    """A process that follows shards; `outcomes` at its end."""

    def __init__(self, layout: Layout, shards: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, slurm_head.__file__, str(layout.root), *shards],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outcomes(self) -> dict[str, dict]:
        out, said = self.process.communicate(timeout=900)
        assert self.process.returncode == 0, said
        return {record["shard"]: record for record in map(json.loads, out.splitlines())}

    def end(self, number: int) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=120)[1]


@pytest.fixture
def head(layout):
    started = []

    def start(*shards: str) -> Head:
        started.append(Head(layout, list(shards)))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()
