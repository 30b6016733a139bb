"""What a data set says of itself to those it is handed to: a card for people, Croissant metadata for programs.

Belongs here: text from numbers. Does not belong here: the table, the pictures (`exports.targets.hub_folder`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import yaml

from video_assets.core.funnel import Funnel, funnel_markdown
from video_assets.core.schema import TRAINING, VERDICTS
from video_assets.core.units import count, duration, size


@dataclass(frozen=True)
class CardColumn:
    """A column of the table, as Arrow and as Croissant have it."""

    name: str
    description: str
    arrow: pa.DataType
    croissant: str

    @property
    def field(self) -> pa.Field:
        """For the table's schema."""
        return pa.field(self.name, self.arrow)


_TYPES = {"string": (pa.string(), "sc:Text"), "int64": (pa.int64(), "sc:Integer"), "double": (pa.float64(), "sc:Float")}
_MEASURED = [column for column in TRAINING.columns if column.name != "path"]
_HASH = next(column for column in VERDICTS.columns if column.name == "content_hash")
COLUMNS = (
    CardColumn("clip", "source of the clip, and its path there", *_TYPES["string"]),
    *(CardColumn(column.name, column.description, *_TYPES[column.type]) for column in [*_MEASURED, _HASH]),
    CardColumn("source", "data set that the clip is from", *_TYPES["string"]),
    CardColumn("licence", "licence of the clip, empty where nobody says", *_TYPES["string"]),
)

# Licences that the hub's cards have a word for, in the spelling that they have there.
_HUB_LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
        *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "odc-by", "odbl", "pddl", "unlicense"),
    }
)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True)
class DataSet:
    """What is handed on.

    `seconds` and `n_bytes` are of all clips together; `sources` are clips by source and licence; `pictures` are meanings by file
    name; `table` is its file name with rows, bytes and SHA-256.
    """

    name: str
    version: int
    seconds: float
    n_bytes: int
    sources: Mapping[tuple[str, str], int]
    funnel: Funnel
    pictures: Mapping[str, str]
    table: tuple[str, Mapping[str, Any]]

    @property
    def n_clips(self) -> int:
        """Rows of the table."""
        return self.table[1]["rows"]

    @property
    def licences(self) -> list[str]:
        """Every licence once; "" stands for clips of which nobody says."""
        return sorted({licence for _, licence in self.sources})

    @property
    def in_short(self) -> str:
        """One sentence."""
        return (
            f"{count(self.n_clips, 'clips')} with captions, {duration(self.seconds)}, {size(self.n_bytes)} of video: "
            "every one was decoded from its first frame to its last."
        )


def card(about: DataSet, *, meanings: Mapping[str, str]) -> str:
    """README.md: what the hub reads, then what people read. `meanings` explains reasons for dropping a clip."""
    front = yaml.safe_dump(_front_matter(about), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{front}---",
        f"# {about.name}",
        f"{about.in_short} This is version {about.version} of the table.",
        "The clips are not in here. `clip` says where each is from, `file_size` and `content_hash` whether a file is it.",
        '```python\nfrom datasets import load_dataset\n\nrows = load_dataset("USER/NAME", split="train")\n```',
        "## Columns",
        _table(["column", "type", "meaning"], [[f"`{c.name}`", str(c.arrow), c.description] for c in COLUMNS]),
        "## Sources and licences",
        _table(
            ["source", "licence", "clips"], [[s, licence or "not known", f"{n:,}"] for (s, licence), n in about.sources.items()]
        ),
        "## From listed to kept",
        funnel_markdown(about.funnel, meanings=meanings),
        *(f"![{meaning}]({name})" for name, meaning in about.pictures.items()),
        "`croissant.json` says the same to programs ([Croissant](https://mlcommons.org/croissant/) 1.0).",
    ]
    return "\n\n".join(parts) + "\n"


def croissant(about: DataSet) -> str:
    """Croissant 1.0 as JSON-LD. It has no date: the same version gives the same bytes."""
    name, facts = about.table
    table = {
        "@type": "cr:FileObject",
        "@id": "table",
        "name": "table",
        "contentUrl": name,
        "contentSize": f"{facts['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": facts["sha256"],
    }
    record = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": about.name,
        "description": about.in_short,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": f"{about.version}.0.0",
        **({"license": known} if (known := [licence for licence in about.licences if licence]) else {}),
        "distribution": [table],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "key": {"@id": "clips/clip"},
                "field": [_field(column) for column in COLUMNS],
            }
        ],
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _field(column: CardColumn) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"clips/{column.name}",
        "name": column.name,
        "description": column.description,
        "dataType": column.croissant,
        "source": {"fileObject": {"@id": "table"}, "extract": {"column": column.name}},
    }


def _front_matter(about: DataSet) -> dict[str, Any]:
    return {
        "pretty_name": about.name,
        **_hub_licence(about.licences),
        "task_categories": ["text-to-video"],
        "size_categories": [next((word for limit, word in _SIZES if about.n_clips < limit), "n>10M")],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": about.table[0]}]}],
    }


def _hub_licence(licences: list[str]) -> dict[str, Any]:
    """The hub's words where it has one for each, else that the card says it; nothing where nobody says anything."""
    if not any(licences):
        return {}
    words = [licence.lower() for licence in licences]
    if not _HUB_LICENCES.issuperset(words):
        return {"license": "other", "license_name": "see-sources-and-licences"}
    return {"license": words[0] if len(words) == 1 else words}


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])
