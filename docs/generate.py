"""Writes docs/settings.md, the reasons in docs/results.md and the settings in helm/values.schema.json from the program.

`make docs`; tests hold the pages against it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from video_assets.explain.reasons import REASONS
from video_assets.settings.model import Settings

HEAD = """# Settings

One file, `video_assets.toml` in the data root (or where `$VIDEO_ASSETS_CONFIG` points). Environment variables win over the file:
section and field in capitals, `VIDEO_ASSETS_DECODE__N_SHARDS=48`. Options of `video-assets run` are written into the file.
A running UI with its daemon takes a changed file up within seconds. What stands in the environment, `data_root` and
`dagster_home` count from the next start on.

Generated from `video_assets/settings/` by `make docs`.
"""


def settings_page() -> str:
    """The reference as markdown."""
    top = {name: field for name, field in Settings.model_fields.items() if not _section(field)}
    parts = [HEAD, "## Top level\n", _table(top)]
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is not None:
            parts += [f"\n## `[{name}]`\n", f"{(section.__doc__ or '').strip()}\n", _table(section.model_fields)]
    return "\n".join(parts) + "\n"


def with_reasons(page: str) -> str:
    """The results page with its table of reasons written anew."""
    head = "| stage | reason | meaning |\n|---|---|---|\n"
    before, _, rest = page.partition(head)
    after = rest[rest.index("\n\n") :]
    rows = (f"| {' or '.join(reason.stages)} | `{name}` | {reason.meaning} |" for name, reason in REASONS.items())
    return before + head + "\n".join(rows) + after


def with_settings(schema: str) -> str:
    """The chart's JSON schema with its `settings` written anew: Helm then refuses misspelt settings before anything starts."""
    chart, made = json.loads(schema), Settings.model_json_schema()
    sections = {name: made["$defs"][ref["$ref"].rpartition("/")[2]] for name, ref in _sections(made)}
    for section in ("openvid", "miradata"):
        fields = sections[section]["properties"]
        fields |= {old: fields[new] for old, new in Settings.model_fields[section].default.old_names.items()}
    chart["definitions"]["settings"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _strict(section) for name, section in sections.items()},
    }
    return json.dumps(chart, indent=2) + "\n"


def _sections(made: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Fields of the top level that are sections; the others (data_root) are the chart's own business."""
    return [(name, field) for name, field in made["properties"].items() if "$ref" in field]


def _strict(section: dict[str, Any]) -> dict[str, Any]:
    fields = {name: {k: v for k, v in field.items() if k != "title"} for name, field in section["properties"].items()}
    return {"type": "object", "description": section["description"], "additionalProperties": False, "properties": fields}


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = [f"| `{field.alias or name}` | {_default(field)} | {field.description} |" for name, field in fields.items()]
    return "\n".join(["| field | default | meaning |", "|---|---|---|", *rows])


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default()
    return "" if value is None else f"`{list(value) if isinstance(value, tuple) else value}`"


if __name__ == "__main__":
    target = Path(__file__).with_name("settings.md")
    target.write_text(settings_page(), encoding="utf-8")
    results = Path(__file__).with_name("results.md")
    results.write_text(with_reasons(results.read_text(encoding="utf-8")), encoding="utf-8")
    schema = Path(__file__).parents[1] / "helm" / "values.schema.json"
    schema.write_text(with_settings(schema.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{target}\n{results}\n{schema}\n")
