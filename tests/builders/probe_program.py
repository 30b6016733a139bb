"""`python probe_program.py DATA_ROOT`: lists nothing, makes enriched_metadata; prints how many clips it probed itself."""

import sys
from pathlib import Path

from video_assets.pipeline.enrich import enrich
from video_assets.progress import LogProgress
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout


def main(root):
    """With the settings of the data root."""
    settings, log = load_settings(), LogProgress(lambda line: sys.stderr.write(line + "\n"))
    result = enrich(Layout(Path(root)), settings.sources, settings=settings.decode, progress=log, run_id="table")
    sys.stdout.write(str(result.n_new))


if __name__ == "__main__":
    main(sys.argv[1])
