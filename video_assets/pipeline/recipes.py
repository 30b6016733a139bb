"""What makes each table beside its inputs: the settings and the versions of rules that it depends on, each named once.

Notes of tables, the manifest, the test for "current" and Dagster's code versions all read it here.
Belongs here: naming them. Does not belong here: what they do, pandas (Dagster's definitions read this).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version

from video_assets.core.json_values import JsonObject
from video_assets.core.verdicts import CHECKER_VERSION, PROBER_VERSION
from video_assets.settings.model import Decode, Settings


@dataclass(frozen=True)
class Recipe:
    """Settings and versions of rules by name."""

    settings: JsonObject = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def flat(self) -> JsonObject:
        """All in one, for a hash."""
        return {**self.settings, **self.versions}


def enriched_metadata_recipe() -> Recipe:
    """How clips are measured."""
    return Recipe(versions={"prober": PROBER_VERSION})


def size_filtered_recipe(*, max_bytes: int) -> Recipe:
    """Which clips are small enough."""
    return Recipe(settings={"max_bytes": max_bytes})


def decode_check_recipe(decode: Decode) -> Recipe:
    """How clips are judged. With more time or memory, clips that had too little of it are tried again."""
    settings = {
        **vars(decode.limits),
        "tolerated_reasons": sorted(decode.tolerated_reasons),
        "refused_pictures": sorted(decode.refused_pictures),
        "max_start_gap_s": decode.max_start_gap_s,
        "max_missing_s": decode.max_missing_s,
    }
    return Recipe(settings=settings, versions={"checker": CHECKER_VERSION})


def training_csv_recipe(settings: Settings) -> Recipe:
    """How the product is written. How many versions are kept is no matter of its contents."""
    names = ("video_assets", "pandas", "pyarrow")
    return Recipe(
        settings={
            **settings.training.model_dump(mode="json", exclude={"keep_versions", "for_", "licences"}),
            **_selection(settings),
        },
        versions={name: installed_version(name) for name in names},
    )


def code_settings(settings: Settings) -> Mapping[str, JsonObject]:
    """By asset, what makes it stale when it changes although its inputs do not."""
    sources = [source.name for source in settings.sources]
    return {
        "enriched_metadata": {"sources": sources, **enriched_metadata_recipe().flat},
        "size_filtered": size_filtered_recipe(max_bytes=settings.filter.max_file_size_bytes).flat,
        "decode_check": decode_check_recipe(settings.decode).flat,
        # Versions of libraries change bytes, not rows: no reason to publish without being asked to.
        "training_csv": {**settings.training.model_dump(mode="json", exclude={"for_", "licences"}), **_selection(settings)},
        "dataset_report": settings.report.model_dump(mode="json", exclude_defaults=True),
        "trainer_census": settings.census.model_dump(mode="json"),
        **{
            f"export_{target.replace('-', '_').replace('.', '_')}": settings.exports.model_dump(mode="json", exclude={"targets"})
            for target in settings.exports.targets
        },
    }


def _selection(settings: Settings) -> JsonObject:
    """What is wanted, as far as it is set: a version stays what it is when a limit comes to the program that nobody sets."""
    limits = settings.select.model_dump(mode="json", exclude_defaults=True)
    training = settings.training.model_dump(mode="json", by_alias=True, include={"for_", "licences"}, exclude_defaults=True)
    told = {"select": limits, **training, **({"licence_of": settings.licences} if settings.training.licences else {})}
    return {name: value for name, value in told.items() if value}
