"""The source that needs nothing: a folder of clips or of tar shards and, if there are any, tables of captions.

Belongs here: which files are clips, which caption is whose. Does not belong here: opening clips (`media`), the network.
"""
