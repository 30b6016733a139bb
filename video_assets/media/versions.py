"""Which FFmpeg made a verdict.

Belongs here: version texts. Does not belong here: anything else.
"""

import av


def ffmpeg_versions() -> str:
    """PyAV's version and those of the libraries that it carries, for example "PyAV 18.1.0; libavcodec 62.28.102; ..."."""
    libraries = (f"{name} {'.'.join(map(str, av.library_versions[name]))}" for name in ("libavcodec", "libavformat", "libavutil"))
    return "; ".join((f"PyAV {av.__version__}", *libraries))
