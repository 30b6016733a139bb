"""From the published version to what trainers and loaders read: one small module per target, rows in, files out.

Belongs here: formats. Does not belong here: which clips are in the table (`publish`, `select`), bucket rules (`census`).
"""
