"""The whole platform left alone and then mistreated: at its end the CSV is, byte for byte, that of an undisturbed run.

Real web server, daemon, code servers and storage. New clips come; the storage fails; daemon and code servers are killed in the
middle of decoding; the machine is switched off.
"""

import shutil
from contextlib import suppress

import psutil
import pytest
import tomlkit
from command_line import command
from dagster_server import PATIENTLY_S, server, wait_for
from faulty_mount import faulty_mount, why_no_mount

from video_assets.core.sharding import shard_keys

SHARDS = shard_keys(2)
CLIPS = ("aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "moonlight.mp4", "city-at-night.mp4", "broken/bad-disk.mp4")
N_CLIPS, N_KEPT = len(CLIPS), len(CLIPS) - 1  # of each folder: the last one is broken
PATIENCE_S = 900


class Platform:
    """A watched folder on a mount, a data root with automation, and what a test wants to know about them."""

    def __init__(self, sample, mount, disk, base):
        self.sample, self.mount, self.disk, self.root = sample, mount, disk, base / "data"
        self.write_settings(self.root, is_automatic=True)

    def write_settings(self, root, *, is_automatic):
        root.mkdir()
        settings = {
            "own_clips": {"folder": str(self.mount.folder), "settle_s": 1},
            "decode": {"n_shards": len(SHARDS), "retries": 0, "lease_stale_s": 5, "workers": 1},
            "training": {"duplicates": "keep"},
            "automation": {"is_enabled": is_automatic, "sensor_interval_s": 5},
        }
        (root / "video_assets.toml").write_text(tomlkit.dumps(settings))

    def drop(self, folder):
        """New clips in the watched folder; their captions first."""
        for number in range(N_CLIPS):
            clip = self.disk / folder / f"{number}.mp4"
            clip.parent.mkdir(parents=True, exist_ok=True)
            clip.with_suffix(".txt").write_text(f"clip {number} of {folder}")
            shutil.copy(self.sample.clips / CLIPS[number], clip)

    @property
    def csv(self):
        path = self.root / "training" / "training.csv"
        return path.read_bytes() if path.exists() else b""

    def wait_for_rows(self, folder):
        """Until the CSV has all clips of the folder."""
        wait_for(lambda: self.has_rows(folder), timeout_s=PATIENCE_S)

    def has_rows(self, folder):
        """Whether the CSV has all clips of the folder."""
        return self.csv.count(f"/{folder}/".encode()) == N_KEPT

    def drop_and_wait_until_decoding(self, folder):
        """New clips on storage that has become slow, until the first of them have verdicts and the others not."""
        n_before = self.n_parts()
        self.mount.slow(0.5, name=".mp4")
        self.drop(folder)
        wait_for(lambda: self.n_parts() > n_before, timeout_s=PATIENCE_S)

    def n_parts(self):
        """Files of verdicts that no table has yet."""
        return len(list((self.root / "decode" / "verdicts").glob("*.parts/*.jsonl")))

    def undisturbed_csv(self, base):
        root = base / "undisturbed"
        self.write_settings(root, is_automatic=False)
        command("run", "--data-root", root, check=True)
        return (root / "training" / "training.csv").read_bytes()

    def is_of(self, process):
        """Whether this process works on the platform."""
        try:
            return process.environ().get("VIDEO_ASSETS_DATA_ROOT") == str(self.root)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            return False

    def kill(self):
        """SIGKILL all its processes."""
        for process in filter(self.is_of, psutil.process_iter()):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def wait_for_rows_with_help(self, folder, ui):
        """As `wait_for_rows`; a person who finds shards red when nothing is going on backfills those."""
        wait_for(lambda: self.has_rows(folder) or self.is_at_rest_and_red(ui), timeout_s=PATIENCE_S, every_s=PATIENTLY_S)
        if not self.has_rows(folder):
            ui.backfill(["decode_check"], ui.partitions("decode_check")["failed"])
            self.wait_for_rows(folder)

    def is_at_rest_and_red(self, ui):
        """Shards have failed and no run goes on."""
        return ui.partitions("decode_check")["failed"] and not ui.n_runs("QUEUED", "STARTING", "STARTED")


def failing_storage_turns_shards_red_and_a_backfill_green(platform, ui):
    before = platform.csv
    platform.mount.fail("EIO", name=".mp4")
    platform.drop("second")
    wait_for(lambda: ui.partitions("decode_check")["failed"], timeout_s=PATIENCE_S, every_s=PATIENTLY_S)
    wait_for(lambda: ui.n_runs("QUEUED", "STARTING", "STARTED") == 0, timeout_s=PATIENCE_S, every_s=PATIENTLY_S)
    assert platform.csv == before, "no CSV from shards that failed"
    platform.mount.mend()
    failed = ui.partitions("decode_check")["failed"]
    assert ui.backfill(["decode_check"], failed) == "COMPLETED_SUCCESS"
    assert ui.partitions("decode_check")["failed"] == []
    platform.wait_for_rows("second")


@pytest.mark.slow(300)
@pytest.mark.timeout(3600)
@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "a FUSE mount works here")
def test_after_faults_kills_and_a_reboot_the_csv_is_that_of_an_undisturbed_run(sample, tmp_path):
    (tmp_path / "disk").mkdir()
    with faulty_mount(tmp_path / "disk", tmp_path / "mount") as mount:
        platform = Platform(sample, mount, tmp_path / "disk", tmp_path)
        with server(platform.root) as ui:
            platform.drop_and_wait_until_decoding("first")
            ui.program("daemon").kill()
            assert ui.process.wait(120) == 1, "a service manager is told, and starts it again"
        with server(platform.root) as ui:  # the storage is still slow
            for program in (ui.process, *psutil.Process(ui.process.pid).children()):
                program.kill()
            platform.kill()  # and what they had started: the machine is switched off
            mount.mend()
        with server(platform.root) as ui:
            platform.wait_for_rows_with_help("first", ui)

            failing_storage_turns_shards_red_and_a_backfill_green(platform, ui)

            platform.drop_and_wait_until_decoding("third")
            for loaded in ui.program("code server").children():
                loaded.kill()
            mount.mend()
            platform.wait_for_rows_with_help("third", ui)
            wait_for(lambda: ui.partitions("decode_check")["materialized"] == SHARDS, timeout_s=PATIENCE_S, every_s=PATIENTLY_S)
        assert platform.csv == platform.undisturbed_csv(tmp_path)
