"""The program on one machine: its jobs in this process, the UI and the daemon as one program, Dagster's home.

Belongs here: what `video-assets run` and `ui` do. Does not belong here: options and output (`cli`), assets (`defs`).
"""
