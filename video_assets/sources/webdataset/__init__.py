"""Shards of WebDataset (tar files) into folders of clips with their captions beside them.

Belongs here: names of members, and unpacking one shard. Does not belong here: which shards there are, what a clip means
(`sources.own_clips`).
"""
