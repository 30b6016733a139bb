"""The program around Dagster: jobs in this process, the UI and the daemon as one program, Dagster's home, the settings file.

Belongs here: what `video-assets run`, `ui` and `status` ask of Dagster, and what is asked before an upgrade. Does not belong
here: options and output (`cli`), assets (`defs`).
"""
