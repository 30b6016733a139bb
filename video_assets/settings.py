"""Everything a user can set: one TOML file, overridden by `VIDEO_ASSETS_*` variables; each field with its unit.

Belongs here: names, defaults, validation. Does not belong here: what is done with a value.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m2ts", ".m4v", ".webm", ".ts", ".mpg", ".mpeg", ".flv", ".wmv")


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow symbolic links


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OwnClips(_Section):
    """The user's own clips: a folder, a captions table, or both."""

    folder: AbsolutePath | None = Field(None, description="folder of clips, searched recursively")
    captions: AbsolutePath | None = Field(None, description="captions table: .csv, .tsv, .jsonl, .json or .parquet")
    root: AbsolutePath | None = Field(
        None,
        description="clips outside this folder are refused; default: `folder`, else relative paths stay below the table's folder",
    )
    path_column: str | None = Field(None, description="column with the clip's path; default: the first known alias")
    text_column: str | None = Field(None, description="column with the caption; default: the first known alias")
    encoding: str | None = Field(None, description="encoding of the captions table; default: UTF-8, else Windows-1252")
    suffixes: tuple[str, ...] = Field(VIDEO_SUFFIXES, description="file name endings that are clips, lower case with the dot")
    settle_s: float = Field(10.0, ge=0, description="seconds a file must be unchanged before it is taken; younger files wait")

    @property
    def is_enabled(self) -> bool:
        """True when a folder or a captions table is set."""
        return self.folder is not None or self.captions is not None


class OpenVid(_Section):
    """OpenVid-1M, or any data set of its shape, from the Hugging Face hub."""

    enabled: bool = Field(False, description="take clips from this source")
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
    min_aesthetic: float | None = Field(None, description="aesthetic score; clips with less are not fetched")
    min_motion: float | None = Field(None, description="motion score; clips with less are not fetched")
    names_file: AbsolutePath | None = Field(
        None, description="text file with a clip's file name per line; only those are fetched"
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


class MiraData(_Section):
    """MiraData: web videos, fetched and cut into clips; for informational use only, no redistribution (docs/miradata.md)."""

    enabled: bool = Field(False, description="take clips from this source")
    csv: str = Field("miradata_v1_330k.csv", description="table of clips: a file on disk, or its name in the hub data set")
    repo: str = Field("TencentARC/MiraData", description="data set on the hub that has the table")
    revision: str = Field("main", description="branch, tag or commit of that data set")
    text_columns: tuple[str, ...] = Field(
        ("dense_caption", "short_caption"),
        min_length=1,
        description="columns with the caption; the first that is not empty counts",
    )
    cut: Literal["copy", "exact"] = Field(
        "copy",
        description="`copy`: no re-encoding, frames before the clip's first one are in the file and hidden; "
        "`exact`: nothing hidden, at most the ends are re-encoded where that is possible",
    )
    max_height: int = Field(720, ge=144, description="pixels; the best format that is not higher is taken, else the lowest")
    is_sectioned: bool = Field(True, description="read only the needed parts of a web video where that costs fewer bytes")
    cookies: AbsolutePath | None = Field(
        None, description="cookies file (Netscape format) of a browser that is signed in; a secret, read only"
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
    alarm_pause_s: float = Field(3600.0, ge=0, description="seconds after such a stop in which no batch asks that site")
    retry_lost_after_days: float = Field(
        30.0, ge=0, description="days after which web videos that were lost for good are asked for again with their batch"
    )
    allowed_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="private networks that addresses may lead into, for example a mirror in the company: 10.1.0.0/16"
    )
    batches_per_night: int = Field(
        2, ge=1, description="batches that one night of the schedule, or one `video-assets run`, works on"
    )
    nightly_cron: str = Field(
        "0 22 * * *", description="when the schedule does so, a cron expression; it is off until you start it"
    )

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


@dataclass(frozen=True)
class Source:
    """One enabled source of clips.

    `name` is the `source` column, the first part of clip keys and a folder name; `asset` is what `enriched_metadata` follows;
    `product` names the source's own training CSV; `is_partitioned` says that its ledger is a folder of tables.
    """

    name: str
    asset: str
    product: str
    is_partitioned: bool


class Filter(_Section):
    """What is dropped before decoding."""

    max_file_size_mib: float = Field(50.0, gt=0, description="MiB (1,048,576 bytes); clips LARGER than this are dropped")

    @property
    def max_file_size_bytes(self) -> int:
        """The limit in bytes."""
        return int(self.max_file_size_mib * 1024 * 1024)


class Decode(_Section):
    """The decode check."""

    n_shards: int = Field(24, ge=1, le=10_000, description="partitions of the decode check")
    workers: int = Field(0, ge=0, description="worker processes; 0 = as many as this process has CPUs")
    timeout_s: float = Field(900.0, gt=0, description="wall seconds one clip may take")
    cpu_s: float = Field(600.0, gt=0, description="CPU seconds one clip may take")
    memory_mib: int = Field(4096, ge=256, description="MiB of address space one clip may take")
    max_duration_s: float | None = Field(None, gt=0, description="clips that last longer are bad (too_long); default: no limit")
    is_full_decode: bool = Field(False, description="decode as ffmpeg does, without skipping the loop filter")
    tolerated_reasons: tuple[str, ...] = Field(
        (), description="reasons of bad verdicts that do not drop a clip; default: any FFmpeg error drops it"
    )
    retries: int = Field(3, ge=0, description="how often a clip that the storage did not deliver is tried again")
    retry_wait_s: float = Field(2.0, ge=0, description="seconds before the first retry; doubled each time")
    stop_grace_s: float = Field(
        5.0, ge=0, description="seconds that clips in flight get when the run is told to stop (SIGTERM); then they are given back"
    )
    lease_stale_s: float = Field(
        90.0, ge=1, description="seconds without a sign of life after which another run takes over a shard (same on all machines)"
    )


class Training(_Section):
    """The product."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
        description="file name of the training CSV, without .csv; default: `training`, of several sources their names joined",
    )
    is_per_source: bool = Field(True, description="write one CSV per source beside the combined one; own clips alone need none")
    duplicates: Literal["drop", "keep"] = Field("drop", description="clips with the same bytes: keep the first by key, or all")
    relative_to: AbsolutePath | None = Field(None, description="write paths relative to this folder; default: absolute paths")
    order: Literal["key", "append"] = Field(
        "key", description="rows by clip key; or rows of the last version where they were, new ones at the end"
    )
    keep_versions: int = Field(10, ge=1, description="publications kept in training/versions/, the current one included")

    @field_validator("name")
    @classmethod
    def _is_not_taken(cls, name: str | None) -> str | None:
        if name == "dropped":
            raise ValueError("dropped.parquet is the table of dropped clips: choose another name")
        return name


class Checks(_Section):
    """When the asset checks raise an alarm."""

    max_drop_share: float = Field(0.95, ge=0, le=1, description="share of listed clips that may be dropped, all stages together")
    max_bad_share: float = Field(0.5, ge=0, le=1, description="share of decoded clips that may be bad")
    max_shard_excess: float = Field(0.2, ge=0, le=1, description="share by which a shard may be worse than the median shard")
    max_reason_rise: float = Field(
        0.1, ge=0, le=1, description="share by which a reason may take more clips than in the version before; more is a warning"
    )


class Automation(_Section):
    """Who starts runs."""

    is_enabled: bool = Field(True, description="start runs without a click: new clips flow down, schedules tick")
    backfill: Literal["single_run", "run_per_shard"] = Field(
        "single_run", description="one run for all shards of a backfill (one machine) or one run per shard (a cluster)"
    )
    nightly_cron: str = Field("0 1 * * *", description="when the sources are listed again, a cron expression")
    nightly_publish_cron: str = Field("0 5 * * *", description="when the training CSV is published again, a cron expression")
    hourly_cron: str = Field(
        "15 * * * *", description="when `hourly_prepare` lists the sources, for those who switch it on; a cron expression"
    )
    timezone: str = Field("UTC", description="time zone of the schedules, an IANA name")
    is_grouped: bool = Field(
        True, description="start changed shards together (few runs), or each at once in a run of its own (a minute sooner)"
    )
    sensor_interval_s: int = Field(30, ge=1, description="seconds between two looks of a sensor; lower is faster, and costs CPU")
    max_csv_age_h: float = Field(
        36.0, ge=0, description="hours without a publication after which the training CSV is stale in the UI; 0: never"
    )
    keep_runs_days: int = Field(60, ge=0, description="days that ended runs, their logs and check results are kept at least")
    clean_up_cron: str = Field("30 3 * * *", description="when old runs are deleted, a cron expression")
    ui_url: str | None = Field(None, description="address of the web UI, for links in alerts; default: no links")


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(env_prefix="VIDEO_ASSETS_", env_nested_delimiter="__", frozen=True, extra="forbid")

    data_root: AbsolutePath = Field(default=Path("data"), validate_default=True, description="folder of all tables and results")
    dagster_home: AbsolutePath | None = Field(
        None, description="folder of Dagster's runs and events, on a local disk; default: .dagster in the data root"
    )
    own_clips: OwnClips = OwnClips()
    openvid: OpenVid = OpenVid()
    miradata: MiraData = MiraData()
    filter: Filter = Filter()
    decode: Decode = Decode()
    training: Training = Training()
    checks: Checks = Checks()
    automation: Automation = Automation()

    @model_validator(mode="after")
    def _data_root_is_no_clip(self) -> Self:
        if self.own_clips.folder is not None and self.data_root == self.own_clips.folder:
            raise ValueError("data_root and own_clips.folder are the same folder; give the results a folder of their own")
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        """The enabled sources, always in the same order."""
        own = Source(name="own_clips", asset="own_clips", product="own_clips", is_partitioned=False)
        openvid = Source(
            name=self.openvid.source_name, asset="openvid_clips", product=self.openvid.product_name, is_partitioned=True
        )
        miradata = Source(name="miradata", asset="miradata_clips", product=self.miradata.product_name, is_partitioned=True)
        switches = {own: self.own_clips.is_enabled, openvid: self.openvid.enabled, miradata: self.miradata.enabled}
        return tuple(source for source, is_enabled in switches.items() if is_enabled)

    @property
    def product_name(self) -> str:
        """File name of the combined training CSV, without .csv."""
        if self.training.name is not None:
            return self.training.name
        products = [source.product for source in self.sources]
        return "-".join(products) if len(products) > 1 else "training"

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.product_name in {source.product for source in self.sources}:
            raise ValueError(f"training.name is {self.product_name!r}, as the CSV of one source is called; choose another name")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())


def settings_file() -> Path:
    """The settings file: $VIDEO_ASSETS_CONFIG, else video_assets.toml in the data root (which need not exist)."""
    if config := os.environ.get("VIDEO_ASSETS_CONFIG"):
        return _absolute(Path(config))
    return _absolute(Path(os.environ.get("VIDEO_ASSETS_DATA_ROOT", "data"))) / "video_assets.toml"


def load_settings(**overrides: Any) -> Settings:
    """Settings from file and environment.

    Raises:
        pydantic.ValidationError: names the field, the value and what is allowed.
    """
    return Settings(**overrides)
