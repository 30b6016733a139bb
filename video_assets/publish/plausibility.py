"""The last look before publication: numbers that no set of clips explains mean that a machine is ill, and nothing is published.

Belongs here: asking `publish.rules.checks` about the shards, and refusing. Does not belong here: the rules
(`publish.rules.checks`), the checks that show the same rules in the UI (`publish.audit`).
"""

import pandas as pd

from video_assets.core.errors import MendableError
from video_assets.core.report import Funnel
from video_assets.core.schema import CHECKED
from video_assets.core.sharding import shard_keys
from video_assets.publish.rules import checks as audit
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage


class ImplausibleError(MendableError):
    """Too many clips were dropped, in all or in one shard; the message says which limit and how to lift it."""


def shard_counts(layout: Layout, shards: list[str]) -> pd.DataFrame:
    """Columns shard, listed, dropped: clips that the decode check of each shard got and dropped."""
    outcomes = {shard: read_stage(layout.checked(shard), CHECKED, columns=["clip_key"]).note["outcome"] for shard in shards}
    return pd.DataFrame(
        {
            "shard": list(outcomes),
            "listed": [outcome["n_clips"] for outcome in outcomes.values()],
            "dropped": [outcome["n_clips"] - outcome["n_kept"] for outcome in outcomes.values()],
        }
    )


def refuse_implausible(layout: Layout, settings: Settings, counted: Funnel) -> None:
    """Nothing happens when the numbers are within the limits of `checks` in the settings.

    Raises:
        ImplausibleError: they are not.
    """
    limits = settings.checks
    counts = shard_counts(layout, shard_keys(settings.decode.n_shards))
    findings = (
        audit.drop_rate(counted, max_drop_share=limits.max_drop_share, max_bad_share=limits.max_bad_share),
        audit.no_shard_outlier(counts, max_excess=limits.max_shard_excess),
    )
    if problems := [finding.description for finding in findings if not finding.is_passed]:
        raise ImplausibleError(
            f"not published: {'; '.join(problems)}. Look at the storage and at `video-assets why`; when it is the "
            "clips after all, raise checks.max_drop_share, max_bad_share or max_shard_excess in the settings"
        )
