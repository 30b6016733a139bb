"""Everything a user can set: one TOML file, overridden by `VIDEO_ASSETS_*` variables; each field with its unit.

Belongs here: which settings there are, where values come from, and what holds between sections. Does not belong here: the
sections themselves (`steps`, `sources`, ...), what is done with a value.
"""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from video_assets.core.errors import UsageError
from video_assets.settings.hub_dataset import HubDataset
from video_assets.settings.section import AbsolutePath, absolute
from video_assets.settings.slurm import Slurm
from video_assets.settings.sources import MiraData, OpenVid, OwnClips
from video_assets.settings.steps import (
    Automation,
    Census,
    Checks,
    Decode,
    Exports,
    Filter,
    Look,
    Report,
    Select,
    Tables,
    Training,
)


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


def _of_openvid(openvid: OpenVid) -> Source:
    return Source(name=openvid.source_name, asset="openvid_clips", product=openvid.product_name, is_partitioned=True)


class SettingsFileError(UsageError):
    """The settings file is not TOML; the message names file and line."""


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
    hub: HubDataset = HubDataset()
    filter: Filter = Filter()
    decode: Decode = Decode()
    slurm: Slurm = Slurm()
    select: Select = Select()
    training: Training = Training()
    exports: Exports = Exports()
    tables: Tables = Tables()
    report: Report = Report()
    census: Census = Census()
    checks: Checks = Checks()
    automation: Automation = Automation()
    look: Look = Look()

    @model_validator(mode="after")
    def _data_root_is_no_clip(self) -> Self:
        if self.own_clips.folder is not None and self.data_root == self.own_clips.folder:
            raise ValueError("data_root and own_clips.folder are the same folder; give the results a folder of their own")
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        """The enabled sources, always in the same order."""
        return tuple(source for source, is_enabled in self._switches.items() if is_enabled)

    @property
    def sources_off(self) -> tuple[Source, ...]:
        """The sources that are not enabled; what they listed before is in no table."""
        return tuple(source for source, is_enabled in self._switches.items() if not is_enabled)

    @property
    def _switches(self) -> dict[Source, bool]:
        """Every source, and whether it is enabled; of OpenVid's families at most one is."""
        other = self.openvid.model_copy(update={"family": {"1m": "hd", "hd": "1m"}[self.openvid.family]})
        miradata = Source(name="miradata", asset="miradata_clips", product=self.miradata.product_name, is_partitioned=True)
        return {
            Source(name="own_clips", asset="own_clips", product="own_clips", is_partitioned=False): self.own_clips.is_enabled,
            _of_openvid(self.openvid): self.openvid.is_enabled,
            _of_openvid(other): False,
            miradata: self.miradata.is_enabled,
            Source(name="hub", asset="hub_clips", product="hub", is_partitioned=False): self.hub.is_enabled,
        }

    @property
    def licences(self) -> dict[str, str]:
        """What the settings say of the licence of each source's clips; "" where nothing is known."""
        return {
            "own_clips": self.own_clips.licence,
            self.openvid.source_name: self.openvid.licence,
            "miradata": self.miradata.licence,
            "hub": self.hub.licence,
        }

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
        """What the program gives over environment over file."""
        del dotenv_settings, file_secret_settings
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        file = settings_file(given.get("data_root"))
        try:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsFileError(f"{file}: not a TOML file: {error}; mend or delete it") from error


def settings_file(data_root: Path | str | None = None) -> Path:
    """The settings file: $VIDEO_ASSETS_CONFIG, else video_assets.toml in the data root (which need not exist)."""
    if config := os.environ.get("VIDEO_ASSETS_CONFIG"):
        return absolute(Path(config))
    return absolute(Path(data_root or os.environ.get("VIDEO_ASSETS_DATA_ROOT", "data"))) / "video_assets.toml"


def load_settings(**overrides: Any) -> Settings:
    """Settings from file and environment.

    Raises:
        SettingsFileError: the file is not TOML.
        pydantic.ValidationError: names the field, the value and what is allowed.
    """
    return Settings(**overrides)


def sections_of_settings() -> dict[str, type[BaseModel]]:
    """The sections, by name."""
    kinds = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def fields_of_settings() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting, by its key."""
    sections = sections_of_settings()
    for name, field in Settings.model_fields.items():
        if name in sections:
            yield from ((f"{name}.{info.alias or inner}", info) for inner, info in sections[name].model_fields.items())
        else:
            yield name, field
