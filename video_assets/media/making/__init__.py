"""Media made from nothing: encoded frames and odd packets.

Belongs here: what the demo clips and the broken-clip kit are made with. Does not belong here: anything that reads users' clips.
"""
