"""Code versions that carry the settings: what is changed makes stale what it changes, and nothing else.

An asset's automation condition asks for it again when its code version changes (`defs.conditions`), and the UI marks it.
Belongs here: putting them into code versions. Does not belong here: which settings make which table (`pipeline.recipes`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator

import dagster as dg

from video_assets.pipeline.recipes import code_settings
from video_assets.settings.model import Settings


def with_settings(assets: Iterable[dg.AssetsDefinition], settings: Settings) -> Iterator[dg.AssetsDefinition]:
    """The assets, their code versions completed by the settings that they depend on."""
    for asset in assets:
        yield asset.map_asset_specs(lambda spec: spec.replace_attributes(code_version=_version(spec, settings)))


def _version(spec: dg.AssetSpec, settings: Settings) -> str | None:
    depends_on = code_settings(settings).get(spec.key.to_user_string())
    if not depends_on:
        return spec.code_version
    text = json.dumps(depends_on, sort_keys=True)
    return f"{spec.code_version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
