"""A page to look at the clips of a data root, the dropped ones too: filters, pictures, a player.

Belongs here: the server, its queries, its thumbnails, the page itself (`static`). Does not belong here: why a clip was dropped
(`explain`), what is published (`publish`). Nothing is written but thumbnails, and exclude.csv when that was asked for.
"""
