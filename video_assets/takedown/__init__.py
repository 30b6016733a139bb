"""Taking clips down permanently: from disk, from every table and every version, with a report.

Belongs here: the deletion. Does not belong here: what a request matches, and keeping it out later (`tombstones`).
"""
