"""Processes with limits: a pool whose children may crash, hang or run out of memory without harm.

Belongs here: starting, limiting and stopping processes; what this machine offers them. Does not belong here: what they do with
a clip (`checking`, `sources.miradata`), FFmpeg (`media`).
"""
