"""The source that needs nothing: a folder of clips and, if there is one, a table of captions.

Belongs here: which files are clips, which caption is whose. Does not belong here: opening clips (`media`), the network.
"""
