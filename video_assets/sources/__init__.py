"""Where clips come from. One folder per source (`own_clips`, `openvid`, `miradata`, `hub_dataset`); no source knows another.

What several of them need has folders of its own: `hub`, `web`, `webdataset`, `fetching`.
Belongs here: listing, fetching and their ledgers. Does not belong here: what happens to a clip once it lies on disk (`pipeline`).
"""
