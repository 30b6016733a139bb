"""What a user can set about sources of clips: own clips, OpenVid, MiraData; each field with its unit.

Belongs here: names, defaults, validation of the sources' sections. Does not belong here: the other sections, where values come
from (`settings`), what is done with a value.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    IPvAnyAddress,
    IPvAnyNetwork,
    SecretStr,
    field_validator,
    model_validator,
)

from video_assets.core.text import encoding_problem
from video_assets.settings.schedules import Cron
from video_assets.settings.section import AbsolutePath, Section

_log = logging.getLogger(__name__)
_PROXY_STARTS = ("http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://")
_SUFFIX = re.compile(r"\.[^./\s]+")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m2ts", ".m4v", ".webm", ".ts", ".mpg", ".mpeg", ".flv", ".wmv")


def _encoding(name: str) -> str:
    if name and (problem := encoding_problem(name)):
        raise ValueError(f"{name!r}, {problem}; name it as Python does: utf-8, gbk, cp1251, shift_jis, utf-16-le")
    return name


def _suffixes(given: tuple[str, ...]) -> tuple[str, ...]:
    if odd := [one for one in given if not _SUFFIX.fullmatch(one)]:
        raise ValueError(f'{odd[0]!r} is no ending of a file name: write a dot and what is after the last dot, as ".mp4"')
    return tuple(dict.fromkeys(one.lower() for one in given))


Encoding = Annotated[str, AfterValidator(_encoding)]
Suffixes = Annotated[tuple[str, ...], AfterValidator(_suffixes)]


class OwnClips(Section):
    """The user's own clips: a folder, a captions table, or both."""

    folder: AbsolutePath | None = Field(None, description="folder of clips, searched recursively")
    licence: str = Field(
        "", description="licence of the clips whose row has no column `licence` or `license`; default: not known"
    )
    captions: AbsolutePath | None = Field(
        None,
        description="captions table: .csv, .tsv, .jsonl, .json or .parquet, also with .gz, .bz2 or .zst behind; several by a "
        "pattern as captions-*.parquet",
    )
    root: AbsolutePath | None = Field(
        None,
        description="clips outside this folder are refused; default: `folder`, else relative paths stay below the table's folder",
    )
    path_column: str | None = Field(None, description="column with the clip's path; default: the first known alias")
    text_column: str | None = Field(None, description="column with the caption; default: the first known alias")
    text_columns: tuple[str, ...] = Field((), description="several columns with captions, instead of `text_column`")
    captions_pick: Literal["first", "longest", "random_by_key", "join"] = Field(
        "first", description="which caption of a clip with several counts; all of them are kept in the extras"
    )
    path_template: str | None = Field(
        None, description="path made of columns of the table, as {page_dir}/{videoid}.mp4; default: the column with the path"
    )
    strip_prefix: str = Field("", description="what paths in tables begin with that is not part of them here: /mnt/old/")
    add_prefix: str = Field("", description="what is put before paths in tables, after `strip_prefix` was taken off")
    encoding: Encoding | None = Field(
        None,
        description="encoding of captions tables and caption files; default: UTF-8, else Windows-1252 where it looks like that",
    )
    suffixes: Suffixes = Field(
        VIDEO_SUFFIXES, min_length=1, description="file name endings that are clips, each with its dot; upper or lower case"
    )
    settle_s: float = Field(10.0, ge=0, description="seconds a file must be unchanged before it is taken; younger files wait")
    unpack_shards: bool = Field(
        True, description="read .tar files below `folder` as shards of WebDataset: unpack them into the data root"
    )

    @model_validator(mode="after")
    def _one_way_to_name_columns(self) -> Self:
        if self.text_column and self.text_columns:
            raise ValueError("own_clips.text_column and own_clips.text_columns: set one of them")
        if self.path_column and self.path_template:
            raise ValueError("own_clips.path_column and own_clips.path_template: set one of them")
        return self

    @property
    def caption_columns(self) -> tuple[str, ...]:
        """The columns with captions that the user named; none: the first known alias."""
        return self.text_columns or ((self.text_column,) if self.text_column else ())

    @property
    def is_enabled(self) -> bool:
        """True when a folder or a captions table is set."""
        return self.folder is not None or self.captions is not None


class OpenVid(Section):
    """OpenVid-1M, or any data set of its shape, from the Hugging Face hub."""

    old_names: ClassVar[Mapping[str, str]] = {"enabled": "is_enabled"}

    is_enabled: bool = Field(False, description="take clips from this source")
    licence: str = Field(
        "CC-BY-4.0", description="licence of the clips, as its card says; the clips' own sources have terms of their own"
    )
    repo: str = Field("nkp37/OpenVid-1M", pattern=r"^[\w.-]+/[\w.-]+$", description="data set on the hub, OWNER/NAME")
    revision: str = Field("main", min_length=1, description="branch, tag or commit; a commit never changes")
    family: Literal["1m", "hd"] = Field("1m", description="all archives, or only the HD ones, which repeat part of the others")
    archive_pattern: str | None = Field(
        None, description="path of an archive without ending, with {number}; default: OpenVid's, by family"
    )
    captions: str | None = Field(None, description="path of the table of captions in the data set; default: OpenVid's, by family")
    captions_mib: float | None = Field(
        None,
        ge=1,
        description="MiB of the table of captions to fetch, from its first row on, for a trial; a part has no sha256 to check, "
        "and clips with later rows are left out; default: the whole table (OpenVid's: 0.77 GB), verified",
    )
    mode: Literal["stream", "archive", "local"] = Field(
        "stream",
        description="read archives over the network and store only clips; or keep the archives too; or read those in `folder`",
    )
    folder: AbsolutePath | None = Field(None, description='mode "local": folder with archives and captions, named as on the hub')
    archives: Literal["all"] | tuple[str | int, ...] = Field(
        "all", description='archives to fetch: "all" (7 TB), or a list of numbers or names, as [0, 1] or ["openvid_part000"]'
    )
    max_clips_per_archive: int | None = Field(
        None, ge=1, description="only the first clips of each archive that the other limits leave; 20 clips are about 150 MB"
    )
    min_seconds: float | None = Field(None, ge=0, description="seconds; shorter clips are not fetched, by the table of captions")
    max_seconds: float | None = Field(None, gt=0, description="seconds; longer clips are not fetched")
    min_aesthetic: float | None = Field(None, allow_inf_nan=False, description="aesthetic score; clips with less are not fetched")
    min_motion: float | None = Field(None, allow_inf_nan=False, description="motion score; clips with less are not fetched")
    names_file: AbsolutePath | None = Field(
        None, description="text file with a clip's file name per line; only those are fetched"
    )
    connections: int = Field(
        4, ge=1, le=64, description="requests for contents under way at once on this machine, for all archives together"
    )
    parallel_archives: int = Field(1, ge=1, le=32, description="archives of one run that are fetched at the same time")
    keep_vanished: bool = Field(
        False, description="keep the files of clips that a new commit of the data set no longer has; they are not used either way"
    )
    max_clip_mib: int = Field(2048, ge=1, description="MiB; members of archives that say they are larger are refused")
    max_bad_share: float = Field(
        0.01, ge=0, le=1, description="share of the wanted clips of an archive that may fail; 5 clips always may"
    )
    headroom_gib: float = Field(1.0, ge=0, description="GiB that must stay free on the disk when all wanted clips are there")
    poll_s: int = Field(900, ge=30, description="seconds between two looks for a new commit")
    max_archives_per_poll: int = Field(4, ge=1, description="archives that are asked for in one look")

    @property
    def archives_named(self) -> str:
        """Path of an archive without ending, with `{number}`."""
        return self.archive_pattern or {"1m": "OpenVid_part{number}", "hd": "OpenVidHD/OpenVidHD_part_{number}"}[self.family]

    @property
    def captions_path(self) -> str:
        """Path of the table of captions in the data set."""
        return self.captions or {"1m": "data/train/OpenVid-1M.csv", "hd": "data/train/OpenVidHD.csv"}[self.family]

    @model_validator(mode="after")
    def _local_has_a_folder(self) -> Self:
        if self.mode == "local" and self.folder is None:
            raise ValueError('openvid.mode is "local": set openvid.folder to the folder with the archives')
        return self

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> Self:
        if self.min_seconds is not None and self.max_seconds is not None and self.min_seconds > self.max_seconds:
            raise ValueError(
                f"min_seconds = {self.min_seconds} is more than max_seconds = {self.max_seconds}: no clip can be both"
            )
        return self

    @field_validator("archive_pattern")
    @classmethod
    def _has_one_number(cls, pattern: str | None) -> str | None:
        if pattern is not None and pattern.count("{number}") != 1:
            raise ValueError("must hold {number} once, as in OpenVid_part{number}")
        return pattern

    @property
    def source_name(self) -> str:
        """HD repeats clips of 1M under the same names: each family is a source of its own, and only one is enabled."""
        return {"1m": "openvid", "hd": "openvidhd"}[self.family]

    @property
    def product_name(self) -> str:
        """File name of the source's own training CSV, without .csv."""
        return {"1m": "OpenVid1M", "hd": "OpenVidHD"}[self.family]


class MiraData(Section):
    """MiraData: web videos, fetched and cut into clips; for informational use only, no redistribution (docs/miradata.md)."""

    old_names: ClassVar[Mapping[str, str]] = {"enabled": "is_enabled"}

    is_enabled: bool = Field(False, description="take clips from this source")
    licence: str = Field("", description="licence of the clips; default: not known, the web videos have terms of their own")
    csv: str = Field("miradata_v1_330k.csv", description="table of clips: a file on disk, or its name in the hub data set")
    repo: str = Field("TencentARC/MiraData", description="data set on the hub that has the table")
    revision: str = Field("main", description="branch, tag or commit of that data set")
    text_columns: tuple[str, ...] = Field(
        ("dense_caption", "short_caption"),
        min_length=1,
        description="columns with the caption; the first that is not empty counts",
    )
    segments: Literal["join", "first", "longest", "split"] = Field(
        "join",
        description="captions of clips longer than two minutes come in segments of 120 s: join all, take the `first` or the "
        "`longest` one, or make a clip of each (`split`)",
    )
    cut: Literal["copy", "exact"] = Field(
        "copy",
        description="`copy`: no re-encoding, frames before the clip's first one are in the file and hidden; "
        "`exact`: nothing hidden, at most the ends are re-encoded where that is possible. Clips that are here stay as they are",
    )
    max_height: int = Field(720, ge=144, description="pixels; the best format that is not higher is taken, else the lowest")
    is_sectioned: bool = Field(True, description="read only the needed parts of a web video where that costs fewer bytes")
    cookies: tuple[AbsolutePath, ...] = Field(
        (),
        description="cookies file (Netscape format) of a browser that is signed in, or a list, used in turn; secrets, read only",
    )
    proxies: tuple[SecretStr, ...] = Field(
        (), description="proxies (http://, https://, socks5h://), used in turn; secrets; default: that of the environment"
    )
    source_addresses: tuple[IPvAnyAddress, ...] = Field(
        (), description="addresses of this machine to connect from, used in turn; default: the system's choice"
    )
    sleep_s: float = Field(5.0, ge=0, description="seconds between two web videos of one site, at least")
    max_sleep_s: float = Field(
        15.0, ge=0, description="seconds between two web videos of one site, at most; drawn anew each time"
    )
    request_sleep_s: float = Field(1.0, ge=0, description="seconds between the requests that find out where a video's files are")
    max_mib_per_s: float | None = Field(None, gt=0, description="MiB per second that downloads may take; default: no limit")
    timeout_s: float = Field(30.0, gt=0, description="seconds of silence after which a connection counts as broken")
    max_source_s: float = Field(7200.0, gt=0, description="seconds that one web video may take to download")
    max_source_gib: float = Field(20.0, gt=0, description="GiB that one web video may have")
    retries: int = Field(5, ge=0, description="how often a broken transfer is continued")
    retry_wait_s: float = Field(5.0, ge=0, description="seconds before the first retry; doubled each time")
    alarms: int = Field(
        3, ge=1, description="bot checks or rate limits in a row after which the batch stops, to be continued later"
    )
    refusals: int = Field(
        12,
        ge=1,
        description="answers in a row with which a site also sends robots away (403, a web page instead of a video) after which "
        "it is left alone, as after `alarms`",
    )
    alarm_pause_s: float = Field(3600.0, ge=0, description="seconds after such a stop in which no batch asks that site")
    retry_lost_after_days: float = Field(
        30.0, ge=0, description="days after which web videos that were lost for good are asked for again with their batch"
    )
    allowed_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="private networks that addresses may lead into, for example a mirror in the company: 10.1.0.0/16"
    )
    survey_sample: int = Field(500, ge=1, description="web videos of each site that the asset miradata_survey asks for")
    batch_hours: float = Field(
        10.0,
        gt=0,
        description="hours of clips that a batch has at most (and at most 500 web videos); web videos that have a batch keep it",
    )
    batches_per_night: int = Field(
        2, ge=1, description="batches that one night of the schedule, or one `video-assets run`, works on"
    )
    nightly_cron: Cron = Field(
        "0 22 * * *", description="when the schedule does so, a cron expression; it is off until you start it"
    )

    @field_validator("cookies", "proxies", "source_addresses", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, given: Any) -> Any:
        if given is None:
            return ()
        if not isinstance(given, str | Path | list | tuple):
            raise ValueError("must be text or a list of texts")  # noqa: TRY004 - pydantic takes it; its text may be a secret
        return (given,) if isinstance(given, str | Path) else given

    @field_validator("proxies", mode="after")
    @classmethod
    def _proxies_are_addresses(cls, proxies: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, proxy in enumerate(proxies, start=1):
            if not proxy.get_secret_value().startswith(_PROXY_STARTS):
                starts = ", ".join(_PROXY_STARTS)
                raise ValueError(f"proxy {number} of {len(proxies)} must begin with one of {starts}")  # its text is a secret
        return proxies

    @model_validator(mode="after")
    def _sleeps_are_in_order(self) -> Self:
        if self.max_sleep_s < self.sleep_s:
            raise ValueError(f"miradata.max_sleep_s ({self.max_sleep_s:g}) is less than miradata.sleep_s ({self.sleep_s:g})")
        return self

    @property
    def max_source_bytes(self) -> int:
        """The limit in bytes."""
        return int(self.max_source_gib * 1024**3)

    @property
    def product_name(self) -> str:
        """File name of the source's own training CSV, without .csv: `Miradata330k` for miradata_v1_330k.csv."""
        return "Miradata" + Path(self.csv).stem.removeprefix("miradata_").removeprefix("v1_").removeprefix("v0_")
