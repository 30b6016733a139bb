"""One shard (a tar file) into a folder, whole or not at all, with a note of what it held.

Clips are written as they are, captions beside them as `key.txt`, `key.caption`, `key.json` or `key.cls`. The folder appears when
all of it is on the disk; a shard that breaks off gives the clips before that, and says so.
Belongs here: bytes of tar files to files. Does not belong here: names (`sources.webdataset.rules`), which shards are due
(`sources.own_clips.shards`).
"""

import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from video_assets.core.json_values import read_value
from video_assets.core.text import escape
from video_assets.sources.webdataset.rules import Samples, name_problem, plain_name, sample_name
from video_assets.storage.durable import fsync_folder, write_text

NOTE = ".shard.json"
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20
_DRAFT = ".unpacking-"


@dataclass(frozen=True)
class Unpacked:
    """What a shard held. `state` names the tar it was made from; `faults`: (reason, detail) by name, "" for the shard itself.

    `n_others`: members that are neither clips nor captions.
    """

    state: str
    n_clips: int = 0
    n_without_caption: int = 0
    n_others: int = 0
    faults: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def read_note(folder: Path) -> Unpacked | None:
    """What was unpacked into `folder`; None when nothing was."""
    try:
        return read_value(Unpacked, json.loads((folder / NOTE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def unpack(tar: Path, folder: Path, *, state: str, clip_suffixes: frozenset[str], caption_suffixes: frozenset[str]) -> Unpacked:
    """Replace `folder` by what the shard `tar` holds; nobody else may be writing there. Files get the time of the tar.

    Raises:
        OSError: the tar cannot be read, or the disk does not take it; `folder` stays as it was.
    """
    draft = folder.with_name(f"{_DRAFT}{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    job = _Job(draft, tar.stat().st_mtime_ns, clip_suffixes, caption_suffixes)
    with tar.open("rb") as file:
        job.run(file)
    done = job.result(state)
    write_text(draft / NOTE, json.dumps(asdict(done), ensure_ascii=False) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    fsync_folder(folder.parent)
    return done


class _Job:
    """A shard while it is unpacked."""

    def __init__(self, folder: Path, mtime_ns: int, clips: frozenset[str], captions: frozenset[str]) -> None:
        self._folder, self._mtime_ns, self._clip_suffixes, self._caption_suffixes = folder, mtime_ns, clips, captions
        self._samples = Samples()
        self._faults: dict[str, tuple[str, str]] = {}
        self._n_others = 0

    def run(self, file: IO[bytes]) -> None:
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    self._take(archive, member)
                self._check_end(file, archive.offset)
        except (tarfile.TarError, UnicodeError, OverflowError) as error:
            self._break(f"{error}; {self._n_clips:,} clips before that were taken")
        for source, target in self._samples.copies():
            with (self._folder / source).open("rb") as caption:
                self._write(caption, target)

    def result(self, state: str) -> Unpacked:
        return Unpacked(state, self._n_clips, self._samples.n_without_caption(), self._n_others, self._faults)

    @property
    def _n_clips(self) -> int:
        return sum(map(len, self._samples.clips.values()))

    def _break(self, detail: str) -> None:
        self._faults[""] = ("broken_shard", f"not a whole tar file: {detail}. Fetch or copy it again")

    def _check_end(self, file: IO[bytes], offset: int) -> None:
        """Python's reader stops without a word where a header is damaged or the file is cut between two members."""
        file.seek(offset)
        block = file.read(_BLOCK)
        if block == bytes(_BLOCK):
            return
        what = "it ends without the mark that ends a tar" if not block else "no member begins there"
        self._break(f"at byte {offset:,} {what}; {self._n_clips:,} clips before that were taken")

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        if member.isdir():
            return
        name = plain_name(member.name)
        sample = sample_name(name)
        is_clip = sample is not None and sample.suffix in self._clip_suffixes
        if sample is None or not (is_clip or sample.suffix in self._caption_suffixes):
            self._n_others += 1
            return
        if fault := _fault_of(member, name):
            self._add_fault(name, *fault)
        elif problem := self._samples.problem_of(sample, is_clip=is_clip):
            self._add_fault(f"{name}#byte-{member.offset}", "duplicate_path", problem)
        elif (content := archive.extractfile(member)) is not None and self._is_written(content, name):
            self._samples.add(sample, is_clip=is_clip)

    def _add_fault(self, name: str, reason: str, detail: str) -> None:
        key = escape(name)
        while key in self._faults:
            key += "#"
        self._faults[key] = (reason, detail)

    def _is_written(self, content: IO[bytes], name: str) -> bool:
        try:
            self._write(content, name)
        except (FileExistsError, NotADirectoryError):
            detail = "another member of the shard is a folder of this name, or a file where this one needs a folder"
            self._add_fault(name, "unsupported_name", detail)
            return False
        return True

    def _write(self, content: IO[bytes], name: str) -> None:
        """A whole file, or none. The folder itself is a draft, so the file needs no other."""
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            try:
                shutil.copyfileobj(content, out, _CHUNK)
            except BaseException:
                target.unlink()
                raise
            out.flush()
            os.fsync(out.fileno())
        os.utime(target, ns=(self._mtime_ns, self._mtime_ns))


def _fault_of(member: tarfile.TarInfo, name: str) -> tuple[str, str] | None:
    """Why a member gives no file, as (reason, detail)."""
    if problem := name_problem(name):
        return "unsupported_name", problem
    if not member.isreg() or member.issparse():
        return "not_a_file", "a link, a device or a file with holes; only plain files are read from tar files"
    return None
