"""What a user can set about a data set on the hub whose clips are plain files or shards of WebDataset.

Belongs here: names, defaults, validation of `[hub]`. Does not belong here: data sets of zip archives
(`settings.sources.OpenVid`).
"""

from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import Field, model_validator

from video_assets.settings.section import Section
from video_assets.settings.sources import VIDEO_SUFFIXES, OwnClips, Suffixes


class HubDataset(Section):
    """A data set on the Hugging Face hub in the shape of VideoFolder (files) or WebDataset (tar shards)."""

    is_enabled: bool = Field(False, description="take clips from this source")
    repo: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="data set on the hub, OWNER/NAME")
    revision: str = Field("main", min_length=1, description="branch, tag or commit; a commit never changes")
    kind: Literal["auto", "video_folder", "webdataset"] = Field(
        "auto", description="take single files, or tar shards, or (auto) whatever of both there is"
    )
    files: tuple[str, ...] = Field(
        ("*",), min_length=1, description="patterns of paths in the data set, as train/*; * fits slashes too"
    )
    max_files: int | None = Field(
        None, ge=1, description="only the first clips (or shards) in the order of their names, for a trial"
    )
    captions: str | None = Field(
        None, description="path of a captions table in the data set; default: metadata.csv and the like, files beside clips"
    )
    path_column: str | None = Field(None, description="column with the clip's path or key; default: the first known alias")
    text_column: str | None = Field(None, description="column with the caption; default: the first known alias")
    captions_pick: Literal["first", "longest", "random_by_key", "join"] = Field(
        "first", description="which caption of a clip with several counts; all of them are kept in the extras"
    )
    suffixes: Suffixes = Field(
        VIDEO_SUFFIXES, min_length=1, description="file name endings that are clips, each with its dot; upper or lower case"
    )
    connections: int = Field(4, ge=1, le=32, description="requests for contents at a time")
    licence: str = Field(
        "", description="licence of the clips whose row has no column `licence` or `license`; default: not known"
    )
    keep_shards: bool = Field(False, description="keep tar files after they were unpacked (archives/hub/)")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.is_enabled and self.repo is None:
            raise ValueError('hub.repo is not set: name the data set, as hub.repo = "OWNER/NAME"')
        if self.captions and (self.captions.startswith("/") or ".." in PurePosixPath(self.captions).parts):
            raise ValueError("hub.captions is a path in the data set, without / before it and without ..")
        return self

    def as_own_clips(self, folder: str) -> OwnClips:
        """How the files that came are listed: like a folder of one's own. Nobody else writes there, so nothing waits."""
        captions = {"captions": f"{folder}/{self.captions}"} if self.captions else {}
        same = {name: getattr(self, name) for name in ("path_column", "text_column", "captions_pick", "suffixes")}
        return OwnClips.model_validate({"folder": folder, "settle_s": 0, **captions, **same})
