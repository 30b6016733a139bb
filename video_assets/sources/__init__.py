"""Where clips come from. One folder per source; no source knows another.

Belongs here: listing, fetching and their ledgers. Does not belong here: what happens to a clip once it lies on disk (`pipeline`).
"""
