"""What is asked of a worker that cuts, and what it answers: values that cross the border of a process as JSON.

Belongs here: the values and their JSON. Does not belong here: the work (`sources.miradata.cut_task`), deciding what to ask
(`sources.miradata.video`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from video_assets.core.json_values import JsonObject
from video_assets.media.cutting.place import Frames, Place
from video_assets.media.cutting.result import CutResult
from video_assets.sources.web.rules.faults import Fault


@dataclass(frozen=True)
class SourceFile:
    """One file of a source video: on the disk (`path`), or where parts of it can be read (`url`, its headers, its length)."""

    path: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    n_bytes: int = 0


@dataclass(frozen=True)
class ClipPlace:
    """A clip's file and its place in the source video."""

    target: str
    place: Place

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` gave."""
        place = values["place"]
        frames = Frames(**place["frames"]) if place["frames"] else None
        return cls(values["target"], Place(place["start_s"], place["end_s"], frames))


@dataclass(frozen=True)
class CutRequest:
    """Clips to cut out of one source video, whose files are given by role ("video", "audio").

    `mode` is `miradata.cut`, `settings` the section `miradata` as JSON, `folder` takes temporary files.
    """

    files: Mapping[str, SourceFile]
    clips: Sequence[ClipPlace]
    mode: str
    settings: JsonObject
    folder: str

    @property
    def is_remote(self) -> bool:
        """True when the files are read out of the web."""
        return any(file.url for file in self.files.values())

    def as_json(self) -> JsonObject:
        """For `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        files = {role: SourceFile(**file) for role, file in values["files"].items()}
        clips = [ClipPlace.from_json(clip) for clip in values["clips"]]
        return cls(files, clips, mode=values["mode"], settings=values["settings"], folder=values["folder"])


@dataclass(frozen=True)
class CutAnswer:
    """One result per clip, in order, as far as the source could be read; why it could not; bytes read from the web."""

    results: Sequence[CutResult] = ()
    fault: Fault | None = None
    n_bytes: int = 0

    def as_json(self) -> JsonObject:
        """For `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        fault = values["fault"]
        return cls([CutResult(**each) for each in values["results"]], fault and Fault(**fault), values["n_bytes"])
