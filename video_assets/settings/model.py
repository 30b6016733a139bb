"""Everything a user can set: one TOML file, overridden by `VIDEO_ASSETS_*` variables; each field with its unit.

Belongs here: names, defaults, validation. Does not belong here: the sections of sources (`source_settings`), what is done with a
value.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from video_assets.settings.sources import AbsolutePath, MiraData, OpenVid, OwnClips, Section, absolute


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


class Filter(Section):
    """What is dropped before decoding."""

    max_file_size_mib: float = Field(50.0, gt=0, description="MiB (1,048,576 bytes); clips LARGER than this are dropped")

    @property
    def max_file_size_bytes(self) -> int:
        """The limit in bytes."""
        return int(self.max_file_size_mib * 1024 * 1024)


class Decode(Section):
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


class Training(Section):
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


class Checks(Section):
    """When the asset checks raise an alarm."""

    max_drop_share: float = Field(0.95, ge=0, le=1, description="share of listed clips that may be dropped, all stages together")
    max_bad_share: float = Field(0.5, ge=0, le=1, description="share of decoded clips that may be bad")
    max_shard_excess: float = Field(0.2, ge=0, le=1, description="share by which a shard may be worse than the median shard")
    max_reason_rise: float = Field(
        0.1, ge=0, le=1, description="share by which a reason may take more clips than in the version before; more is a warning"
    )


class Automation(Section):
    """Who starts runs."""

    is_enabled: bool = Field(True, description="start runs without a click: new clips flow down, schedules tick")
    backfill: Literal["single_run", "run_per_shard"] = Field(
        "single_run", description="one run for all shards of a backfill (one machine) or one run per shard (a cluster)"
    )
    nightly_cron: str = Field("0 1 * * *", description="when the sources are listed again, a cron expression")
    nightly_decode_cron: str = Field(
        "0 3 * * *", description="when shards that are not complete are checked again, a cron expression"
    )
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
        return absolute(Path(config))
    return absolute(Path(os.environ.get("VIDEO_ASSETS_DATA_ROOT", "data"))) / "video_assets.toml"


def load_settings(**overrides: Any) -> Settings:
    """Settings from file and environment.

    Raises:
        pydantic.ValidationError: names the field, the value and what is allowed.
    """
    return Settings(**overrides)
