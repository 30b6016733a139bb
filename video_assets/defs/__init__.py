"""Dagster, thin: wires `core` and `io` into assets, checks, jobs and schedules.

`core`, `io`, pandas and plots are imported inside the bodies: the code server, the web server and `--help` load definitions
without them.
"""
