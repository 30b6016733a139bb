"""What a user can set about the steps from clips to the CSV: filter, decode check, product, checks, automation.

Belongs here: names, defaults, validation of these sections, each field with its unit. Does not belong here: the sections of
sources (`sources`), where values come from (`model`), what is done with a value.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from video_assets.core.check_limits import CheckLimits
from video_assets.core.codecs import codec_name
from video_assets.core.consumers import CONSUMERS, REFUSALS, unknown_refusal, unknown_target
from video_assets.core.pictures import PictureDemands, Refused
from video_assets.core.verdicts import REASONS
from video_assets.settings.schedules import Cron, TimeZone
from video_assets.settings.section import AbsolutePath, Section


def _is_reason(name: str) -> str:
    if name not in REASONS:
        raise ValueError(f"no clip is bad because of {name!r}; the reasons are {', '.join(sorted(REASONS))}")
    return name


_Reason = Annotated[str, AfterValidator(_is_reason), WithJsonSchema({"type": "string", "enum": sorted(REASONS)})]


def _is_refusal(name: str) -> str:
    if name not in REFUSALS:
        raise ValueError(unknown_refusal(name))
    return name


_Refusal = Annotated[str, AfterValidator(_is_refusal), WithJsonSchema({"type": "string", "enum": sorted(REFUSALS)})]


class Filter(Section):
    """What is dropped before decoding."""

    max_file_size_mib: float = Field(50.0, gt=0, description="MiB (1,048,576 bytes); clips LARGER than this are dropped")

    @property
    def max_file_size_bytes(self) -> int:
        """The limit in bytes."""
        return int(self.max_file_size_mib * 1024 * 1024)


class Tables(Section):
    """The stages that work on the tables of all clips."""

    memory_mib: int | None = Field(
        None,
        ge=64,
        description="MiB that a stage may take for rows at a time; the rest waits on the data root's disk. Default: a quarter of "
        "the container's or machine's memory, 512 to 2048",
    )


class Decode(Section):
    """The decode check."""

    engine: Literal["local", "slurm"] = Field(
        "local", description="who checks the shards of a run: workers of its own machine, or a job array of Slurm (`[slurm]`)"
    )
    n_shards: int = Field(24, ge=1, le=10_000, description="partitions of the decode check")
    workers: int = Field(0, ge=0, description="worker processes; 0 = as many as this process has CPUs")
    timeout_s: float = Field(900.0, gt=0, description="wall seconds one clip may take")
    cpu_s: float = Field(600.0, gt=0, description="CPU seconds one clip may take")
    memory_mib: int = Field(4096, ge=256, description="MiB of address space one clip may take")
    max_duration_s: float | None = Field(None, gt=0, description="clips that last longer are bad (too_long); default: no limit")
    is_full_decode: bool = Field(False, description="decode as ffmpeg does, without skipping the loop filter")
    tolerated_reasons: tuple[_Reason, ...] = Field(
        (), description="reasons of bad verdicts that do not drop a clip; default: any FFmpeg error drops it"
    )
    refused_pictures: tuple[Refused, ...] = Field(
        (),
        description="good clips that are dropped all the same: `static` (hardly a change) or `black` ones; default: none",
    )
    max_start_gap_s: float | None = Field(
        None, ge=0, description="seconds from the clip's start to its first picture; more drops the clip; default: no limit"
    )
    max_missing_s: float | None = Field(
        None, ge=0, description="seconds without a picture at the clip's start and end; more drops the clip; default: no limit"
    )
    retries: int = Field(3, ge=0, description="how often a clip that the storage did not deliver is tried again")
    retry_wait_s: float = Field(2.0, ge=0, description="seconds before the first retry; doubled each time")
    stop_grace_s: float = Field(
        5.0, ge=0, description="seconds that clips in flight get when the run is told to stop (SIGTERM); then they are given back"
    )
    lease_stale_s: float = Field(
        90.0,
        ge=1,
        description="seconds without a sign of life after which another run takes over a shard, archive, batch or publication "
        "(same on all machines)",
    )

    @property
    def limits(self) -> CheckLimits:
        """What a clip may last and take."""
        return CheckLimits(self.max_duration_s, self.timeout_s, self.cpu_s, self.memory_mib)

    @property
    def demands(self) -> PictureDemands:
        """What is demanded of the pictures of a good clip."""
        return PictureDemands(self.refused_pictures, self.max_start_gap_s, self.max_missing_s)


def _known_targets(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in CONSUMERS:
            raise ValueError(unknown_target(name))
    return names


class Select(Section):
    """Which of the clips that decode are wanted; default: all. Nothing is decoded again when this changes."""

    min_frames: int | None = Field(None, ge=1, description="frames; default of all these: no limit, both ends are included")
    max_frames: int | None = Field(None, ge=1, description="frames")
    min_duration_s: float | None = Field(None, gt=0, description="seconds")
    max_duration_s: float | None = Field(None, gt=0, description="seconds")
    min_height: int | None = Field(None, ge=1, description="pixels, before rotation")
    max_height: int | None = Field(None, ge=1, description="pixels, before rotation")
    min_width: int | None = Field(None, ge=1, description="pixels, before rotation")
    max_width: int | None = Field(None, ge=1, description="pixels, before rotation")
    min_pixels: int | None = Field(None, ge=1, description="height * width")
    max_pixels: int | None = Field(None, ge=1, description="height * width")
    min_aspect_ratio: float | None = Field(None, gt=0, description="height / width")
    max_aspect_ratio: float | None = Field(None, gt=0, description="height / width")
    min_fps: float | None = Field(None, gt=0, description="frames per second")
    max_fps: float | None = Field(None, gt=0, description="frames per second")
    min_file_size_mib: float | None = Field(None, gt=0, description="MiB")
    max_file_size_mib: float | None = Field(None, gt=0, description="MiB")
    codecs: tuple[str, ...] = Field(
        (), description='as ["h264", "hevc", "av1"]; other usual names ("h265", "avc1") are understood; default: any'
    )
    min_caption_words: int | None = Field(None, ge=1, description="words that white space separates")
    max_caption_words: int | None = Field(None, ge=1, description="words that white space separates")
    min_scores: dict[str, float] = Field({}, description='by column of the source\'s table, as {"aesthetic score" = 5.0}')
    max_scores: dict[str, float] = Field({}, description="by column of the source's table")

    @field_validator("codecs")
    @classmethod
    def _are_names_of_ffmpeg(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(codec_name, names)))

    @model_validator(mode="after")
    def _a_clip_can_be_within(self) -> Self:
        pairs = {f"_{name[4:]}": (value, getattr(self, f"max_{name[4:]}")) for name, value in self if name.startswith("min_")}
        lows, highs = pairs.pop("_scores")
        pairs |= {f"_scores {name!r}": (low, highs.get(name)) for name, low in lows.items()}
        wrong = [
            f"min{name} = {low} is more than max{name} = {high}"
            for name, (low, high) in pairs.items()
            if low is not None and high is not None and low > high
        ]
        if wrong:
            raise ValueError("; ".join(wrong) + ": no clip can be both")
        return self


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
    for_: tuple[str, ...] = Field(
        (), alias="for", description='trainers that must be able to take every clip, as ["open-sora-1.2"]; others are dropped'
    )
    licences: tuple[str, ...] = Field(
        (), description='licences that a clip may have, as ["CC-BY-4.0"]; default: any. A clip of no known licence is dropped'
    )
    keep_versions: int = Field(10, ge=1, description="publications kept in training/versions/, the current one included")

    @field_validator("for_")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _known_targets(names)

    @field_validator("name")
    @classmethod
    def _is_not_taken(cls, name: str | None) -> str | None:
        if name == "dropped":
            raise ValueError("dropped.parquet is the table of dropped clips: choose another name")
        return name


class Exports(Section):
    """What is written for trainers when a version is published."""

    targets: tuple[str, ...] = Field((), description="exports that are remade with every version; `video-assets export --list`")
    links: Literal["hard", "symbolic", "copy"] = Field(
        "hard",
        description="how an export takes clips into its folder; what the file system refuses becomes the next of the three",
    )
    shard_mib: int = Field(1024, ge=1, description="MiB of clips in one archive, for targets that write archives")
    min_frames: int = Field(0, ge=0, description="clips with fewer frames are left out of exports (too_few_frames)")
    allowed: tuple[_Refusal, ...] = Field((), description='reasons that leave nothing out, for example ["rotated"]')

    @field_validator("targets")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _known_targets(names)


class Report(Section):
    """What the report looks for in captions. It tells, and drops nothing."""

    max_caption_words: int | None = Field(None, ge=1, description="captions of more words are told; default: no limit")
    max_caption_tokens: int | None = Field(
        None, ge=1, description="captions of more tokens are told, counted by `report.tokenizer`; default: no limit"
    )
    tokenizer: AbsolutePath | None = Field(
        None, description="the text encoder's tokenizer.json, to count tokens (needs `video_assets[tokens]`)"
    )

    @model_validator(mode="after")
    def _tokens_are_those_of_a_tokenizer(self) -> Self:
        if (self.max_caption_tokens is None) != (self.tokenizer is None):
            raise ValueError("max_caption_tokens and tokenizer go together: set both or none")
        return self


class Census(Section):
    """The census in the report, of each trainer with buckets that `training.for` or `exports.targets` names."""

    batch_size: int = Field(1, ge=1, description="clips in a batch, on all GPUs together")
    configs: dict[str, AbsolutePath] = Field(
        {},
        description='the trainer\'s own config file by trainer, as {"diffusion-pipe" = "/home/me/dataset.toml"}; default: none',
    )


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
    nightly_cron: Cron = Field("0 1 * * *", description="when the sources are listed again, a cron expression")
    nightly_decode_cron: Cron = Field(
        "0 3 * * *", description="when shards that are not complete are checked again, a cron expression"
    )
    nightly_publish_cron: Cron = Field("0 5 * * *", description="when the training CSV is published again, a cron expression")
    hourly_cron: Cron = Field(
        "15 * * * *", description="when `hourly_prepare` lists the sources, for those who switch it on; a cron expression"
    )
    timezone: TimeZone = Field("UTC", description="time zone of the schedules, an IANA name")
    is_grouped: bool = Field(
        True, description="start changed shards together (few runs), or each at once in a run of its own (some seconds sooner)"
    )
    sensor_interval_s: int = Field(10, ge=1, description="seconds between two looks of a sensor; lower is faster, and costs CPU")
    max_csv_age_h: float = Field(
        36.0, ge=0, description="hours without a publication after which the training CSV is stale in the UI; 0: never"
    )
    keep_runs_days: int = Field(60, ge=0, description="days that ended runs, their logs and check results are kept at least")
    clean_up_cron: Cron = Field("30 3 * * *", description="when old runs are deleted, a cron expression")
    ui_url: str | None = Field(None, description="address of the web UI, for links in alerts; default: no links")


class Look(Section):
    """The page to look at the clips."""

    url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+$",
        description="the page's address (https://host:port), for links in the UI; default: none",
    )
    is_prepared: bool = Field(
        False,
        description="make what the page reads at its start whenever a report is drawn, so that it starts at once; "
        "a million clips take a CPU-minute and 1 GB of memory",
    )
    max_thumbnails: int = Field(50_000, ge=100, description="pictures of clips that are kept in DATA_ROOT/look; the oldest go")
    max_thumbnails_mib: int = Field(1024, ge=1, description="MiB that these pictures may take")
