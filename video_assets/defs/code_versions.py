"""Code versions that carry the settings: what is changed makes stale what it changes, and nothing else.

An asset's automation condition asks for it again when its code version changes (`defs.conditions`), and the UI marks it.
Belongs here: which settings which asset depends on, beyond its inputs. Does not belong here: how it depends on them.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from video_assets.core.verdicts import CHECKER_VERSION, PROBER_VERSION
from video_assets.settings.model import Settings


def with_settings(assets: Iterable[dg.AssetsDefinition], settings: Settings) -> Iterator[dg.AssetsDefinition]:
    """The assets, their code versions completed by the settings that they depend on."""
    for asset in assets:
        yield asset.map_asset_specs(lambda spec: spec.replace_attributes(code_version=_version(spec, settings)))


def _version(spec: dg.AssetSpec, settings: Settings) -> str | None:
    depends_on = _settings_of(settings).get(spec.key.to_user_string())
    if not depends_on:
        return spec.code_version
    text = json.dumps(depends_on, sort_keys=True)
    return f"{spec.code_version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _settings_of(settings: Settings) -> dict[str, dict[str, Any]]:
    decode = settings.decode
    return {
        "enriched_metadata": {"sources": [source.name for source in settings.sources], "prober": PROBER_VERSION},
        "size_filtered": {"max_bytes": settings.filter.max_file_size_bytes},
        "decode_check": {
            "max_duration_s": decode.max_duration_s,
            "tolerated_reasons": sorted(decode.tolerated_reasons),
            "checker": CHECKER_VERSION,
        },
        "training_csv": settings.training.model_dump(mode="json"),
    }
