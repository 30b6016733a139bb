"""Videos from the web, politely: one guarded client, yt-dlp, ranges.

Belongs here: addresses that may be asked, limits, waiting. Does not belong here: which videos are wanted (`sources.miradata`).
"""
