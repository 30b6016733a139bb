"""What a manifest says of a version: frozen values, and the one place that turns them into its JSON and back.

Belongs here: names and order of a manifest's fields. Does not belong here: files (`publish.manifest`), what a version is made
from (`publish.publish`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

from video_assets.core.json_values import Json, JsonObject, read_value
from video_assets.publish.rules.diff import DiffCounts


@dataclass(frozen=True)
class FileFacts:
    """A published file: its rows, its bytes, its SHA-256."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ClipCounts:
    """Clips by fate: `dropped` by stage and reason; `sources` has listed, kept and dropped by source."""

    listed: int
    kept: int
    dropped: Mapping[str, Mapping[str, int]]
    sources: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class MadeFrom:
    """Settings, names of products, versions of libraries, and hashes of inputs: when these are the same, so is the product.

    `inputs` is None after a take-down: no input gives such a version, so the next publication must not take it for its own.
    """

    settings: JsonObject = field(default_factory=dict)
    products: JsonObject = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    inputs: JsonObject | None = None


@dataclass(frozen=True)
class Examples:
    """The first paths of each kind of difference."""

    first_added: tuple[str, ...] = ()
    first_dropped: tuple[str, ...] = ()
    first_changed: tuple[str, ...] = ()

    def without(self, paths: set[str]) -> Self:
        """The others."""
        kept = {name: tuple(path for path in of_kind if path not in paths) for name, of_kind in vars(self).items()}
        return type(self)(**kept)

    def names_any(self, paths: set[str]) -> bool:
        """True when one of `paths` is among them."""
        return any(path in paths for of_kind in vars(self).values() for path in of_kind)


@dataclass(frozen=True)
class Changes:
    """What is new since version `since`."""

    since: int
    counts: DiffCounts
    examples: Examples

    @classmethod
    def from_json(cls, said: Json) -> Self | None:
        """What `changes_json` gave.

        Raises:
            ValueError: a field is missing or of another type.
        """
        if not isinstance(said, Mapping) or said.get("since") is None:
            return None
        return cls(read_value(int, said["since"]), read_value(DiffCounts, said), read_value(Examples, said))


def changes_json(changes: Changes | None) -> JsonObject:
    """As the manifest says it; a first version has changed nothing."""
    if changes is None:
        return {"since": None}
    return {"since": changes.since, **asdict(changes.counts), **asdict(changes.examples)}


@dataclass(frozen=True)
class Redaction:
    """A take-down after the publication: its number, the rows that it took, and what the files' hashes were before it."""

    request: str
    rows: int
    sha256_before: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """What a version says of itself. `files` by name, without the manifest; `decoded_by` has the versions of the decoder.

    `report` is the page with the pictures, as seen from the training folder; versions of before had none.
    """

    name: str
    rows: int
    files: Mapping[str, FileFacts]
    counts: ClipCounts
    version: int = 0
    columns: tuple[str, ...] = ()
    decoded_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    report: str | None = None
    made_from: MadeFrom = MadeFrom()
    changes: Changes | None = None
    redacted: tuple[Redaction, ...] = ()

    @property
    def table_facts(self) -> FileFacts:
        """Those of the Parquet twin."""
        return self.files[f"{self.name}.parquet"]

    @property
    def relative_to(self) -> str:
        """The folder that paths start from, without a slash at its end; "" when they are absolute."""
        training = self.made_from.settings.get("training")
        folder = training.get("relative_to") if isinstance(training, Mapping) else None
        return folder.rstrip("/") if isinstance(folder, str) else ""

    @classmethod
    def from_json(cls, said: object) -> Self:
        """What `as_json` gave, also in earlier versions of the program.

        Raises:
            ValueError: it is not a manifest; names the field.
        """
        fields = read_value(dict, said)
        return read_value(cls, {**fields, "made_from": fields, "changes": Changes.from_json(fields.get("changes"))})

    def as_json(self) -> JsonObject:
        """The manifest's fields in their order."""
        made_from = {name: part for name, part in asdict(self.made_from).items() if part is not None}
        report = {} if self.report is None else {"report": self.report}
        redacted = {"redacted": [asdict(each) for each in self.redacted]} if self.redacted else {}
        return {
            "version": self.version,
            "name": self.name,
            "columns": self.columns,
            "rows": self.rows,
            "files": {name: asdict(facts) for name, facts in self.files.items()},
            "counts": asdict(self.counts),
            "decoded_by": self.decoded_by,
            **report,
            **made_from,
            "changes": changes_json(self.changes),
            **redacted,
        }
