"""Side effects: disk, worker processes, FFmpeg. Knows `core`, never Dagster."""
