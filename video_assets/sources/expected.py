"""What the next run would bring of a source that is fetched, said before anything is.

Belongs here: that value. Does not belong here: finding it out (each source's `forecast`), the forecast of a whole run
(`pipeline.forecast`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """Of one source; None: not known before it is asked.

    `offered`: clips that it lists and the settings want. `there`: clips that are here. `to_fetch`: what the next run would ask
    for, roughly, of `n_bytes`; `n_transfer`: bytes that would come over the network. `notes`: sentences for the user.
    """

    source: str
    offered: int | None
    there: int
    to_fetch: int | None
    n_bytes: int | None
    n_transfer: int | None
    notes: tuple[str, ...] = ()
