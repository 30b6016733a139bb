"""What the next run would fetch of a data set on the hub. Asks the hub what there is, and writes nothing.

Does not belong here: fetching (`sources.hub_dataset.fetch`), listing (`sources.hub_dataset.listing`).
"""

from video_assets.core.schema import LEDGER
from video_assets.core.units import count
from video_assets.settings.model import Settings
from video_assets.sources.expected import Expected
from video_assets.sources.hub_dataset.listing import SOURCE, choice_of, fetcher_of, look_at_hub
from video_assets.sources.hub_dataset.rules import choose
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table


def expect(layout: Layout, settings: Settings) -> Expected:
    """Files of the newest commit that are wanted and not here.

    Raises:
        FetchError: the hub gives nothing, and nothing was listed before.
        SourceError: the data set has no clips.
    """
    hub = settings.hub
    commit, files, notes = look_at_hub(layout, hub)
    wanted = choose(files, choice_of(hub), where=f"{hub.repo} at {commit[:12]}")
    plain, shards = fetcher_of(layout, hub, commit).due(wanted)
    clips = [file for file in plain if file.path.lower().endswith(hub.suffixes)]
    if wanted.shards:
        notes.append(f"{count(len(shards), 'shards')} would be unpacked: how many clips they hold is known then")
    ledger = layout.ledger(SOURCE)
    there = read_table(ledger, LEDGER, columns=["status"]).rows["status"].eq("ok").sum() if ledger.exists() else 0
    n_bytes = sum(file.size for file in (*plain, *shards))
    return Expected(
        source=SOURCE,
        offered=None if wanted.shards else wanted.n_clips,
        there=int(there),
        to_fetch=None if shards else len(clips),
        n_bytes=sum(file.size for file in (*clips, *shards)),
        n_transfer=n_bytes,
        notes=tuple(notes),
    )
