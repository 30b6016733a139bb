"""A data set on the hub as plain files (VideoFolder) or tar shards (WebDataset): fetched, then listed like own clips.

Belongs here: which files are fetched, and the ledger. Does not belong here: requests (`sources.hub`), tar files
(`sources.webdataset`), captions (`sources.own_clips`), zip archives (`sources.openvid`).
"""
