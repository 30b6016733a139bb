"""OpenVid-1M: zips on the Hugging Face hub, or already on disk, and their caption tables.

Belongs here: archives, their members, captions, what is due. Does not belong here: the hub's client (`sources.hub`).
"""
