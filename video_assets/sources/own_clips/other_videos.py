"""Videos that are no clips, since `own_clips.suffixes` does not have their ending: counted, so that nobody misses them.

Belongs here: telling a video by its ending or first bytes. Does not belong here: which files are clips
(`sources.own_clips.scan`).
"""

from collections import Counter
from dataclasses import dataclass, field

# Endings of video that are not taken by default.
VIDEO_ENDINGS = frozenset({
    ".3g2", ".3gp", ".asf", ".divx", ".dv", ".f4v", ".gif", ".h264", ".h265", ".hevc", ".m1v", ".m2v", ".mjpeg", ".mjpg",
    ".mod", ".mpe", ".mpv", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".trp", ".vob", ".wtv",
    ".xvid", ".y4m",
})  # fmt: skip
# Endings of files that need not be opened to know that they are no video.
_OTHER_ENDINGS = frozenset({
    ".aac", ".bin", ".bz2", ".csv", ".db", ".doc", ".docx", ".flac", ".gz", ".h5", ".html", ".ipynb", ".jpeg", ".jpg",
    ".json", ".jsonl", ".log", ".m4a", ".md", ".mp3", ".npy", ".npz", ".ogg", ".parquet", ".pdf", ".pickle", ".pkl", ".png",
    ".pt", ".py", ".safetensors", ".sh", ".srt", ".tar", ".toml", ".tsv", ".txt", ".vtt", ".wav", ".xlsx", ".xml", ".yaml",
    ".yml", ".zip", ".zst",
})  # fmt: skip
_MAX_OPENED = 200  # files of unknown endings whose first bytes are looked at
_STILLS = (b"avif", b"heic", b"heix", b"mif1", b"M4A ", b"M4B ")


def is_video(head: bytes) -> bool:
    """True when a file's first 400 bytes are those of a video container.

    >>> is_video(bytes.fromhex("000000186674797069736f6d")), is_video(b"a text")
    (True, False)
    """
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILLS
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    starts = (b"\x1a\x45\xdf\xa3", b"FLV\x01", b"\x00\x00\x01\xba", b"GIF8", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b".RMF")
    return head.startswith(starts) or (head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G")


@dataclass
class OtherVideos:
    """Videos that are not taken, by ending, and the first of each by name."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    n_opened: int = 0

    def look_at(self, name: str, path: str, suffix: str) -> bool:
        """Count the file if it is a video; false when it is none."""
        if suffix not in VIDEO_ENDINGS and not self._is_video_inside(path, suffix):
            return False
        self.counts[suffix] += 1
        self.first[suffix] = min(name, self.first.get(suffix, name))
        return True

    def _is_video_inside(self, path: str, suffix: str) -> bool:
        if suffix in _OTHER_ENDINGS or self.n_opened >= _MAX_OPENED:
            return False
        self.n_opened += 1
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - text, not a path
                return is_video(file.read(400))
        except OSError:  # it is no clip in any case
            return False

    def sentence(self) -> str:
        """What the user should know; empty when there is none."""
        if not self.counts:
            return ""
        counts = ", ".join(f"{suffix or 'without ending'}: {n:,}" for suffix, n in self.counts.most_common())
        first = min(self.first.values())
        endings = ", ".join(f'"{suffix}"' for suffix in sorted(self.counts) if suffix)
        advice = f"to take them, add {endings} to own_clips.suffixes" if endings else "to take them, give them an ending"
        return f"videos that are NOT taken because of their endings: {self.counts.total():,} ({counts}), first {first}; {advice}"
