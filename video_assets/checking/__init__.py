"""Decode or probe many clips in worker processes, and say what a worker's death means for its clip.

Belongs here: retries, deaths, storage that does not deliver. Does not belong here: one clip's verdict (`media`), shards
(`pipeline`).
"""
