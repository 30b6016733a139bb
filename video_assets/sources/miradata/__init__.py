"""MiraData: a table of web videos, fetched once and cut into clips.

Belongs here: its rows, batches, cuts. Does not belong here: the web's manners (`sources.web`), cutting itself (`media.cutting`).
"""
