"""The built-in sample: small clips, good and bad, that `run --sample` turns into a table.

Belongs here: scenes and how they are drawn. Does not belong here: encoding (`media.making`), damage (`samples.broken`).
"""
