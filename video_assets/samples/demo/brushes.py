"""Small moving pictures, painted with numpy: what the sample's clips show.

Belongs here: scenes (a function from seconds to a picture), the frame counter, tones. Does not belong here: encoding
(`media.making.encode`), which clip shows what (`samples.demo.clips`).

A canvas is float32 RGB, shape (height, width, 3), 0 to 255. Places are in units of the picture's height: x from 0 (left) to
width / height (right), y from 0 (top) to 1 (bottom).
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
Scene = Callable[[float], Canvas]

# 3 x 5 pixels per digit, one octal digit per row.
_FONT = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71122", "75757", "75717")


def sky(height: int, width: int, *, top: Colour, bottom: Colour) -> Canvas:
    """A vertical gradient, shape (height, width, 3)."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    column = np.asarray(top, np.float32) * (1 - share) + np.asarray(bottom, np.float32) * share
    return np.ascontiguousarray(np.broadcast_to(column, (height, width, 3)), dtype=np.float32)


def _window(canvas: Canvas, x: float, y: float, reach_x: float, reach_y: float) -> tuple[slice, slice, Canvas, Canvas]:
    """The part of the canvas around (x, y), with the coordinates of its pixels relative to (x, y)."""
    height, width = canvas.shape[:2]
    rows = slice(max(int((y - reach_y) * height) - 2, 0), max(min(int((y + reach_y) * height) + 3, height), 0))
    columns = slice(max(int((x - reach_x) * height) - 2, 0), max(min(int((x + reach_x) * height) + 3, width), 0))
    dy = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / height - y
    dx = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / height - x
    return rows, columns, dx[None, :], dy[:, None]


def _paint(
    canvas: Canvas,
    rows: slice,
    columns: slice,
    distance: npt.NDArray[np.floating],
    colour: Colour,
    *,
    opacity: float,
    soft: float,
) -> None:
    edge = max(soft, 1.0 / canvas.shape[0])
    cover = np.clip(0.5 - distance / edge, 0, 1)[..., None] * np.float32(opacity)
    part = canvas[rows, columns]
    part += cover * (np.asarray(colour, np.float32) - part)


def disc(canvas: Canvas, x: float, y: float, radius: float, colour: Colour, *, opacity: float = 1, soft: float = 0) -> None:
    """A filled circle."""
    rows, columns, dx, dy = _window(canvas, x, y, radius + soft, radius + soft)
    _paint(canvas, rows, columns, np.sqrt(dx * dx + dy * dy) - radius, colour, opacity=opacity, soft=soft)


def box(canvas: Canvas, area: tuple[float, float, float, float], colour: Colour, *, opacity: float = 1) -> None:
    """A filled rectangle: left, top, right, bottom."""
    left, top, right, bottom = area
    half_x, half_y = (right - left) / 2, (bottom - top) / 2
    rows, columns, dx, dy = _window(canvas, left + half_x, top + half_y, half_x, half_y)
    _paint(canvas, rows, columns, np.maximum(np.abs(dx) - half_x, np.abs(dy) - half_y), colour, opacity=opacity, soft=0)


def stroke(canvas: Canvas, start: tuple[float, float], end: tuple[float, float], thick: float, colour: Colour) -> None:
    """A straight line with round ends, `thick` from edge to edge."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    middle_x, middle_y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    rows, columns, dx, dy = _window(canvas, middle_x, middle_y, abs(along_x) / 2 + thick, abs(along_y) / 2 + thick)
    length2 = max(along_x**2 + along_y**2, 1e-9)
    share = np.clip((dx * along_x + dy * along_y) / length2, -0.5, 0.5)
    distance = np.hypot(dx - share * along_x, dy - share * along_y) - thick / 2
    _paint(canvas, rows, columns, distance, colour, opacity=1, soft=0)


def ground(canvas: Canvas, heights: Canvas, colour: Colour) -> None:
    """Fill every column below its height, shape (width,), in units of the picture's height."""
    top = max(int(float(heights.min()) * canvas.shape[0]) - 1, 0)
    y = (np.arange(top, canvas.shape[0], dtype=np.float32) + 0.5) / canvas.shape[0]
    distance = heights[None, :] - y[:, None]
    _paint(canvas, slice(top, canvas.shape[0]), slice(0, canvas.shape[1]), distance, colour, opacity=1, soft=0)


def ridge(width: int, height: int, *, seed: int, base: float, size: float, shift: float = 0.0) -> Canvas:
    """The skyline of hills: a height for every column, shape (width,)."""
    phases = np.random.default_rng(seed).uniform(0, 6.28, 4)
    x = np.arange(width, dtype=np.float32) / height + shift
    waves = sum(np.sin(x * (1.7 * 1.9**n) + phase) / 1.8**n for n, phase in enumerate(phases))
    return np.asarray(base + size * waves, np.float32)


def grain(height: int, width: int, *, seed: int, strength: float) -> Canvas:
    """Film grain, one value per pixel, shape (height, width, 1)."""
    return (np.random.default_rng(seed).normal(0, strength, (height, width, 1))).astype(np.float32)


def counter(canvas: Canvas, number: int) -> None:
    """The frame number, small, in the lower left corner."""
    size = max(canvas.shape[0] // 120, 1)
    canvas[-9 * size :, : 16 * size] *= 0.6
    for place, digit in enumerate(f"{number:03d}"):
        bits = np.array([[int(row) >> shift & 1 for shift in (2, 1, 0)] for row in _FONT[int(digit)]], np.float32)
        stamp = np.kron(bits, np.ones((size, size), np.float32))[..., None] * 0.8
        rows, columns, _ = stamp.shape
        bottom, left = canvas.shape[0] - 2 * size, size * (2 + 4 * place)
        part = canvas[bottom - rows : bottom, left : left + columns]
        part += stamp * (245 - part)


def to_yuv(canvas: Canvas) -> Planes:
    """BT.601 limited range, 4:2:0; odd sizes repeat the last row or column for the colour planes."""
    if canvas.shape[0] % 2 or canvas.shape[1] % 2:
        even = np.pad(canvas, ((0, canvas.shape[0] % 2), (0, canvas.shape[1] % 2), (0, 0)), mode="edge")
    else:
        even = canvas
    red, green, blue = np.ascontiguousarray(even.transpose(2, 0, 1))
    luma = (16 + 0.257 * red + 0.504 * green + 0.098 * blue)[: canvas.shape[0], : canvas.shape[1]]
    red, green, blue = ((p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4 for p in (red, green, blue))
    chroma_b = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    chroma_r = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    luma8, blue8, red8 = (np.clip(np.rint(plane), 16, 240).astype(np.uint8) for plane in (luma, chroma_b, chroma_r))
    return luma8, blue8, red8


def film(scene: Scene, *, times_s: list[float], is_turned: bool = False) -> Iterator[Planes]:
    """The scene at the given seconds, with the frame counter, as YUV planes; turned as a camera stores what it films upright."""
    for number, time_s in enumerate(times_s):
        canvas = scene(time_s)
        counter(canvas, number)
        yield to_yuv(np.rot90(canvas, -1) if is_turned else canvas)


def steady(seconds: float, rate: Fraction) -> list[float]:
    """The times of the frames of a clip with a constant rate."""
    return [float(n / rate) for n in range(round(seconds * rate))]


def melody(seconds: float, *, sample_rate: int, seed: int) -> npt.NDArray[np.int16]:
    """A soft tune with a breath of noise, mono."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    notes = 220 * 2 ** (random.choice([0, 2, 4, 7, 9, 12], size=int(seconds / 0.25) + 1) / 12)
    phase = 2 * np.pi * np.cumsum(notes[(time / 0.25).astype(int)]) / sample_rate
    fade = np.exp(-4 * (time % 0.25))
    sound = 6000 * fade * (np.sin(phase) + 0.3 * np.sin(2 * phase)) + random.normal(0, 60, time.shape)
    return np.rint(sound).astype(np.int16)
