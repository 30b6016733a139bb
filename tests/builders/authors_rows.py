"""Rows as MiraData's authors wrote them in their v1 sample: numbers, markup and columns as found, words and addresses our own.

With the videos that they speak of: right lengths and rates, very small, each frame with its number drawn into it.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from mira_tables import V1_HEADER, clock

CAPTIONS = V1_HEADER[-6:]
WIDTH, HEIGHT, BITS = 80, 32, 20


@dataclass(frozen=True)
class Row:
    """`clip_id` as it was written; `path` has the number; `rate` is the video's own, frames per second."""

    clip_id: str
    path: str
    source: str
    fps: str
    seconds: str
    start_s: float
    end_s: float
    frame_number: int
    framestamp: str
    rate: Fraction
    segments: tuple[tuple[int, int], ...] = ()

    @property
    def video(self) -> str:
        """Name of the web video's file."""
        return f"{self.path.rpartition('.')[0]}.mp4"

    @property
    def text(self) -> str:
        """The caption that a trainer shall see."""
        return " ".join(self._words(segment) for segment in sorted(self.segments or ((0, 0),)))

    def _words(self, segment: tuple[int, int]) -> str:
        return f"own words about {self.path}, from {segment[0]} on: a camera moves slowly past a place."

    @property
    def cell(self) -> str:
        """The caption as the authors wrote it."""
        if not self.segments:
            return self._words((0, 0))
        return "[" + "".join(f"|||{start}||| {end}||| {self._words((start, end))} |||," for start, end in self.segments) + "]"

    def as_cells(self, url: str) -> dict[str, str]:
        """The row of the table."""
        number = int(self.path.partition(".")[0])
        stamps = [clock(second)[:-3] for second in (self.start_s, self.end_s)]
        path = f"video_clips/{number // 1000:09d}/{number:012d}{self.path[len(str(number)) :]}.mp4"
        cells = (
            self.clip_id, self.source, url, f"video{number}", "1280", "720", self.fps, self.seconds, str(stamps),
            str(self.frame_number), self.framestamp, path, self.cell, self.cell, *(["plain words"] * 4),
        )  # fmt: skip
        return dict(zip(V1_HEADER, cells, strict=True))

    def wanted(self) -> range:
        """Numbers of the frames that the clip must show."""
        if self.start_s == 0:
            return range(self.frame_number)
        early = Fraction(1, 500)
        first, end = (-int(-((Fraction(second) - early) * self.rate) // 1) for second in (self.start_s, self.end_s))
        return range(first, end)


_NTSC, _FILM = Fraction(30_000, 1001), Fraction(24_000, 1001)
_TUBE, _VILA = "youtube, 3D engine-rendered scenes", "youtube, hd-vila-100m"
ROWS = (
    Row("0.4", "0.4", _TUBE, "30.0", "80.833", 381.3, 462.133, 2425, "[11439, 13864]", Fraction(30)),
    Row("0.5", "0.5", _TUBE, "30.0", "79.267", 462.133, 541.4, 2378, "[13864, 16242]", Fraction(30)),
    Row("231.4", "231.4", _TUBE, "30.0", "112.966", 587.567, 700.533, 3389, "[17627, 21016]", Fraction(30)),
    Row("7040.2", "7040.2", _TUBE, "29.97", "132.533", 420.22, 552.753, 3972, "[12594, 16566]", _NTSC, ((0, 120),)),
    Row(
        "10606.0", "10606.0", "youtube, city or scenic tours", "30.0", "782.5", 0.0, 782.5, 23475, "[0, 23475]", Fraction(30),
        ((120, 240), (0, 120)),
    ),
    Row(
        "49329.3", "49329.3", "youtube, first-person perspective camera videos", "30.0", "438.834", 1641.433, 2080.267, 13165,
        "[49243, 62408]", Fraction(30), ((240, 360), (0, 120)),
    ),
    Row("100002.11", "100002.11", _VILA, "29.939", "82.099", 1212.69, 1294.789, 2458, "[36323, 38781]", Fraction(29_939, 1000)),
    Row("109581.28", "109581.28", _VILA, "29.834", "53.261", 604.589, 657.85, 1589, "[18101, 19690]", Fraction(29_834, 1000)),
    Row("1431495.1", "1431495.10", _VILA, "23.926", "81.249", 154.95, 236.199, 1944, "[3696, 5640]", Fraction(23_926, 1000)),
    Row(
        "1459729.18", "1459729.18", _VILA, "29.963", "651.8", 262.99, 914.79, 19530, "[7860, 27390]", Fraction(29_963, 1000),
        ((480, 600),),
    ),
    Row("4000052.0", "4000052.0", "pexels", "23.97602398", "30.23854167", 0.0, 30.239, 725, "[0, 725]", _FILM),
    Row(
        "5029133.0", "5029133.0", "videvo, %2Ffree-motion-graphics", "30.0", "23.866666666666667", 0.0, 23.867, 716, "[0, 716.0]",
        Fraction(30),
    ),
    Row("5038405.0", "5038405.0", "videvo, business", "25.0", "21.6", 0.0, 21.6, 540, "[0, 540.0]", Fraction(25)),
    Row("5038475.0", "5038475.0", "videvo, business", "25.0", "21.92", 0.0, 21.92, 548, "[0, 548.0]", Fraction(25)),
    Row("5066880.0", "5066880.0", "videvo, fitness", "50.0", "20.1", 0.0, 20.1, 1005, "[0, 1005.0]", Fraction(50)),
    Row("6026087.0", "6026087.0", "pixabay", "29.0", "123.24137931034484", 0.0, 123.241, 3574, "[0, 3574.0]", _NTSC, ((0, 120),)),
    Row(
        "6039311.0", "6039311.0", "pixabay", "29.0", "285.55172413793105", 0.0, 285.552, 8281, "[0, 8281.0]", _NTSC,
        ((120, 240), (0, 120)),
    ),
    Row("1431495.1", "1431495.1", _VILA, "23.926", "81.249", 10.0, 60.0, 1944, "[3696, 5640]", Fraction(23_926, 1000)),
)  # fmt: skip


def make_source(path: Path, rows: list[Row]) -> Path:
    """The web video that `rows` are cut from: as long as the last of them needs, whole where a clip starts with it."""
    rate, n_frames = rows[0].rate, max(row.wanted().stop for row in rows)
    bits = np.arange(BITS // 2)
    lines = np.where((np.arange(1 << 10)[:, None] >> bits) & 1, 210, 40).astype(np.uint8).repeat(8, axis=1)
    # One frame for all: x264 copies it when it is given.
    frame = av.VideoFrame.from_ndarray(np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8), format="yuv420p")
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
    options = {"preset": "ultrafast", "g": "300", "bf": "0", "qp": "30", "x264-params": "scenecut=0"}
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(n_frames):
            luma[:16, :WIDTH], luma[16:32, :WIDTH] = lines[number & 1023], lines[number >> 10]
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def numbers_in(path: Path | str) -> list[int]:
    """The numbers of all frames that a player shows."""
    weights = 1 << np.arange(BITS // 2)
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
            low, high = ((luma[row, 4:WIDTH:8] > 125) @ weights for row in (8, 24))
            found.append(int(low) + (int(high) << 10))
    return found
