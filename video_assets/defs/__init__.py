"""Dagster, thin: wires the capabilities into assets, checks, jobs, sensors and schedules. One file per capability.

Belongs here: what only Dagster needs. Does not belong here: loops, decisions, files. Capabilities, pandas and plots are imported
inside the bodies: the code server, the web server and `--help` load definitions without them.
"""
