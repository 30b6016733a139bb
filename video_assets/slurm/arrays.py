"""Job arrays on the shared storage: what each task shall do, and what its shards came to.

A folder per array in `decode/slurm`, written before it is submitted: should the head be killed in between, the next one finds the
array by its name.

    array.json     the array's name, its shards in order, how many of them a task checks, the settings of the check
    job            Slurm's id, once it is known
    task.sh        the script
    7.log          what task 7 said, all its attempts
    7.json         what the shard at place 7 came to, the last attempt
    7.begun        written when a task that checks several shards begins with the one at place 7
    over           written when no task of it does anything any more

With one shard per task the shard at place 7 is that of task 7.

Belongs here: these files. Does not belong here: Slurm (`slurm.client`), what a head makes of them (`slurm.follow`).
"""

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from video_assets.settings.steps import Decode
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout

_TAIL_BYTES = 4_000


@dataclass(frozen=True)
class Result:
    """What one attempt at a shard came to.

    Times are seconds; `cpu_s` is that of the program with its workers; the first shard of a task bears the program's start.
    """

    status: Literal["done", "incomplete", "undelivered", "handed_back", "error"]
    failure: str = ""
    node: str = ""
    n_decoded: int = 0
    decode_seconds: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0


@dataclass(frozen=True)
class Array:
    """One job array; each task checks `per_task` shards, one after the other.

    `job` is empty until Slurm's id is known; `decode` is the settings of the check as JSON.
    """

    folder: Path
    name: str
    data_root: str
    shards: tuple[str, ...]
    decode: str
    job: str = ""
    per_task: int = 1

    @property
    def n_tasks(self) -> int:
        """Tasks it has."""
        return -(-len(self.shards) // self.per_task)

    def task_of(self, place: int) -> int:
        """The task that checks the shard at a place."""
        return place // self.per_task

    def places_of(self, task: int) -> range:
        """Where the shards of a task are."""
        return range(len(self.shards))[task * self.per_task : (task + 1) * self.per_task]

    @property
    def script(self) -> Path:
        """What its tasks run."""
        return self.folder / "task.sh"

    @property
    def lease(self) -> Path:
        """Held by the head that cancels it when told to stop."""
        return self.folder / "head"

    def log(self, task: int) -> Path:
        """What a task said."""
        return self.folder / f"{task}.log"

    def last_words(self, task: int, *, n_lines: int = 5) -> str:
        """The end of a task's log."""
        try:
            with self.log(task).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join([line for line in lines if line.strip()][-n_lines:])

    def places_with_result(self) -> set[int]:
        """Places of shards that have come to something. Lists the folder, so that network storage asks its server."""
        return {int(path.stem) for path in self.folder.iterdir() if path.suffix == ".json" and path.stem.isdigit()}

    def result(self, place: int) -> Result | None:
        """What the shard at a place has come to; None as long as it has not."""
        try:
            return Result(**json.loads((self.folder / f"{place}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def write_result(self, place: int, result: Result) -> None:
        """Tell the head."""
        write_text(self.folder / f"{place}.json", json.dumps(asdict(result)))

    def begin(self, place: int) -> None:
        """An attempt begins."""
        (self.folder / f"{place}.json").unlink(missing_ok=True)
        if self.per_task > 1:
            write_text(self.folder / f"{place}.begun", "")

    def is_left_over(self, place: int) -> bool:
        """True when its task began with others and did not come to this one: what became of the task is not its fault."""
        begun = [(self.folder / f"{other}.begun").exists() for other in self.places_of(self.task_of(place))]
        return any(begun) and not begun[place % self.per_task]

    def with_job(self, job: str) -> "Array":
        """Note Slurm's id."""
        write_text(self.folder / "job", job)
        return replace(self, job=job)

    def note_over(self) -> None:
        """No head need look for its tasks any more."""
        write_text(self.folder / "over", "")


def new_array(layout: Layout, shards: list[str], decode: Decode, *, per_task: int) -> Array:
    """Write the folder of an array that is about to be submitted."""
    stamp, token = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"), secrets.token_hex(4)
    folder = layout.slurm_arrays / f"{stamp}-{token}"
    name, data_root = f"video-assets-{token}", str(layout.root)
    array = Array(folder, name, data_root, tuple(shards), decode.model_dump_json(), per_task=per_task)
    folder.mkdir(parents=True)
    known = {"name": name, "data_root": data_root, "shards": shards, "per_task": per_task, "decode": array.decode}
    write_text(folder / "array.json", json.dumps(known))
    return array


def read_array(folder: Path) -> Array:
    """An array by its folder.

    Raises:
        FileNotFoundError: there is none.
    """
    known = json.loads((folder / "array.json").read_text(encoding="utf-8"))
    try:
        job = (folder / "job").read_text(encoding="utf-8")
    except FileNotFoundError:
        job = ""
    shards, per_task = tuple(known["shards"]), known.get("per_task", 1)  # no number: of the version before
    return Array(folder, known["name"], known["data_root"], shards, known["decode"], job, per_task)


def arrays_at_work(layout: Layout) -> Iterator[Array]:
    """Arrays of which nobody has said that they are over, the newest first."""
    if not layout.slurm_arrays.exists():
        return
    for folder in sorted(layout.slurm_arrays.iterdir(), reverse=True):
        if (folder / "array.json").exists() and not (folder / "over").exists():
            yield read_array(folder)


def remove_old_arrays(layout: Layout, *, keep_days: int) -> None:
    """Delete folders of arrays that are over and were submitted more than `keep_days` ago."""
    if not layout.slurm_arrays.exists():
        return
    for mark in layout.slurm_arrays.glob("*/over"):
        if time.time() - mark.stat().st_mtime > keep_days * 86_400:
            shutil.rmtree(mark.parent)
