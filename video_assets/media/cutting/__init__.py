"""One span of a source video as a clip of its own, exact to the frame.

Belongs here: where to cut and how to write it. Does not belong here: which spans are wanted (`sources.miradata`).
"""
