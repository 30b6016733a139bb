"""What the sample's clips show: small moving pictures, drawn with Pillow, and a soft tune.

Belongs here: scenes, the frame counter, tones. Does not belong here: encoding (`media.making.encode`), which clip shows what
(`samples.demo.clips`).

A scene draws on a picture what is to be seen at a second; a seed varies colours and places. Places are in units of the picture's
height: x from 0 (left) to `right` (width / height), y from 0 (top) to 1 (bottom).
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from math import cos, pi, sin

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
Scene = Callable[["Picture", float, int], None]
_FINE = 2  # drawn this much larger, so that edges come out smooth
_WHITE, _BLACK = (255, 255, 255), (20, 20, 20)


@cache
def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    image = Image.new("RGB", size, top)
    image.paste(bottom, mask=Image.linear_gradient("L").resize(size))
    return image


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Picture:
    """An empty picture of `width` by `height` pixels, and brushes."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height, self.right = width, height, width / height
        self.image = Image.new("RGB", (_FINE * width, _FINE * height))
        self._draw = ImageDraw.Draw(self.image)

    def _pixels(self, length: float) -> float:
        return _FINE * self.height * length

    def _place(self, x: float, y: float) -> tuple[float, float]:
        return self._pixels(x), self._pixels(y)

    def sky(self, top: Colour, bottom: Colour) -> None:
        """A vertical gradient over everything."""
        self.image.paste(_gradient(self.image.size, top, bottom))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        self._draw.ellipse((self._place(x - radius, y - radius), self._place(x + radius, y + radius)), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        self._draw.rectangle((self._place(left, top), self._place(right, bottom)), colour)

    def line(self, places: list[tuple[float, float]], thick: float, colour: Colour) -> None:
        """Straight lines through the places."""
        self._draw.line([self._place(*place) for place in places], colour, round(self._pixels(thick)))

    def hills(self, base: float, size: float, colour: Colour, *, seed: int, shift: float = 0.0) -> None:
        """Fill everything below a skyline of waves."""
        phases = np.random.default_rng(seed).uniform(0, 2 * pi, 4)
        xs = np.linspace(0, self.right, 80)
        waves = [np.sin((xs + shift) * 1.7 * 1.9**n + phase) / 1.8**n for n, phase in enumerate(phases)]
        ys = base + size * np.sum(waves, axis=0)
        places = [(0.0, 1.1), *zip(xs, ys, strict=True), (self.right, 1.1)]
        self._draw.polygon([self._place(*place) for place in places], colour)

    def count(self, number: int) -> None:
        """The frame number in the lower left corner."""
        self.box(0, 0.92, 0.16, 1, _BLACK)
        self._draw.text(self._place(0.02, 0.925), f"{number:03d}", _WHITE, _font(_FINE * self.height // 16))


def sea(picture: Picture, time_s: float, seed: int) -> None:
    """The sun sinks into moving waves; odd seeds are moonlight."""
    is_night = seed % 2 == 1
    picture.sky(*(((8, 12, 40), (40, 60, 110)) if is_night else ((70, 60, 130), (255, 150, 80))))
    light = (230, 235, 245) if is_night else (255, 220, 140)
    picture.disc(picture.right / 2, 0.25 + 0.07 * time_s, 0.1, light)
    for row in range(5):
        water = (10 + 4 * row, 20 + 5 * row, 60 + 9 * row)
        picture.hills(0.6 + 0.08 * row, 0.008 * (row + 1), water, seed=seed + row, shift=time_s * (0.3 + 0.2 * row))
        glint, y = 0.05 + 0.04 * abs(sin(3 * time_s + row * 2.1)), 0.66 + 0.07 * row
        picture.box(picture.right / 2 - glint, y, picture.right / 2 + glint, y + 0.008, light)


def ball(picture: Picture, time_s: float, seed: int) -> None:
    """A ball bounces over a wooden floor."""
    picture.sky((205, 215, 225), (240, 235, 225))
    picture.box(0, 0.72, picture.right, 1, (150, 105, 65))
    for plank in range(5):
        picture.box(0, 0.74 + 0.06 * plank, picture.right, 0.745 + 0.06 * plank, (120, 80, 50))
    lift, x = 2.2 * (time_s * 1.25 % 1) * (1 - time_s * 1.25 % 1), 0.25 + time_s * 0.35 % (picture.right - 0.5)
    picture.disc(x + 0.1, 0.84, 0.09 - 0.05 * lift, (110, 75, 48))
    picture.disc(x, 0.74 - lift, 0.1, [(220, 60, 50), (60, 110, 220), (240, 180, 30)][seed % 3])
    picture.disc(x - 0.035, 0.705 - lift, 0.02, _WHITE)


def city(picture: Picture, time_s: float, seed: int) -> None:
    """A skyline at night: windows go on and off, cars pass."""
    random = np.random.default_rng(seed)
    picture.sky((10, 12, 35), (60, 40, 80))
    for house, top in enumerate(random.uniform(0.25, 0.6, 9)):
        left = house * picture.right / 9
        picture.box(left, top, left + picture.right / 10, 0.9, (22 + 3 * (house % 3), 24, 38))
        for window, phase in enumerate(random.uniform(0, 2 * pi, 10)):
            x, y = left + 0.03 + 0.07 * (window % 2), top + 0.04 + 0.09 * (window // 2)
            if y < 0.85 and sin(phase + time_s * (0.5 + phase / 4)) > 0:
                picture.box(x, y, x + 0.03, y + 0.04, (250, 215, 120))
    picture.box(0, 0.9, picture.right, 1, (35, 35, 40))
    for car in range(4):
        x = (time_s * (0.5 + 0.1 * car) + car * 0.6) % (picture.right + 0.2) - 0.1
        picture.disc(x, 0.95, 0.014, (255, 255, 230))
        picture.disc(x - 0.07, 0.95, 0.01, (255, 40, 30))


def windmill(picture: Picture, time_s: float, seed: int) -> None:
    """Four sails turn above a meadow while a cloud drifts by."""
    picture.sky((90, 160, 230), (210, 230, 245))
    for puff in range(3):
        picture.disc(0.25 + 0.09 * puff + 0.08 * time_s, 0.2 - 0.02 * (puff % 2), 0.07, (245, 248, 252))
    picture.hills(0.72, 0.03, (90, 150, 70), seed=seed)
    x, y = picture.right * (0.4 + 0.1 * (seed % 3)), 0.42
    picture.line([(x, y), (x, 0.85)], 0.1, (200, 190, 175))
    for sail in range(4):
        angle = time_s * 1.4 + sail * pi / 2
        picture.line([(x, y), (x + 0.3 * cos(angle), y + 0.3 * sin(angle))], 0.035, (120, 60, 45))


def snow(picture: Picture, time_s: float, seed: int) -> None:
    """Snow falls on hills with fir trees."""
    random = np.random.default_rng(seed)
    picture.sky((120, 135, 160), (200, 205, 215))
    picture.hills(0.8, 0.04, (235, 240, 245), seed=seed)
    for x in random.uniform(0.05, 0.95, 7) * picture.right:
        picture.line([(x, 0.6), (x - 0.05, 0.85), (x + 0.05, 0.85), (x, 0.6)], 0.03, (35, 85, 60))
    for start_x, start_y, size in random.uniform(0, 1, (60, 3)):
        x, y = (start_x + 0.03 * sin(time_s * 2 + size * 9)) * picture.right, (start_y + time_s * (0.15 + 0.2 * size)) % 1.05
        picture.disc(x, y, 0.004 + 0.006 * size, _WHITE)


def aquarium(picture: Picture, time_s: float, seed: int) -> None:
    """Fish swim past rising bubbles."""
    random = np.random.default_rng(seed)
    picture.sky((40, 140, 190), (10, 50, 100))
    picture.hills(0.9, 0.015, (190, 170, 120), seed=seed)
    for colour in ((250, 140, 30), (250, 220, 60), (230, 80, 120)):
        start, y, speed = random.uniform((0.1, 0.2, 0.1), (0.8, 0.8, 0.3))
        x, tail = (start + time_s * speed) % (picture.right + 0.3) - 0.15, 0.03 * sin(time_s * 9 + y * 20)
        picture.line([(x - 0.03, y), (x - 0.11, y - 0.03 + tail)], 0.025, colour)
        picture.disc(x, y, 0.045, colour)
        picture.disc(x + 0.025, y - 0.01, 0.009, _BLACK)
    for bubble in range(8):
        y = 0.95 - (time_s * 0.25 + bubble * 0.13) % 1
        picture.disc(0.8 * picture.right + 0.02 * sin(6 * y + bubble), y, 0.012, (200, 230, 250))


def clock(picture: Picture, time_s: float, seed: int) -> None:
    """A clock with a running second hand."""
    x = picture.right / 2
    picture.sky((60, 75, 70), (40, 55, 50))
    picture.disc(x, 0.5, 0.42, (110, 80, 45))
    picture.disc(x, 0.5, 0.38, (245, 240, 228))
    hands = [(0.2, 0.3 + seed, 0.025, _BLACK), (0.29, 2.0 + seed, 0.018, _BLACK), (0.33, time_s * pi / 2, 0.009, (200, 40, 30))]
    for length, angle, thick, colour in hands:
        picture.line([(x, 0.5), (x + length * cos(angle), 0.5 + length * sin(angle))], thick, colour)


def road(picture: Picture, time_s: float, seed: int) -> None:
    """Driving along an empty road towards hills; the train of odd seeds looks at them from the side."""
    picture.sky((110, 170, 225), (235, 225, 200))
    for layer in range(3 if seed % 2 else 1):
        shift = time_s * (0.05 + 0.2 * layer * layer) * (seed % 2)
        picture.hills(0.5 + 0.17 * layer, 0.05, (110 - 35 * layer, 120, 120 - 25 * layer), seed=seed + layer, shift=shift)
    if seed % 2 == 0:
        picture.box(0, 0.55, picture.right, 1, (130, 140, 75))
        middle = picture.right / 2
        for place in range(7):
            near = (((place + time_s * 2.2) % 7) / 7) ** 2
            picture.box(middle - 0.02 * near, 0.55 + 0.45 * near, middle + 0.02 * near, 0.56 + 0.5 * near, _WHITE)
            picture.line([(middle + near, 0.55 + 0.45 * near), (middle + near, 0.55 + 0.2 * near)], 0.02 * near, (90, 70, 50))


def static(picture: Picture, time_s: float, seed: int) -> None:
    """An untuned television: noise, which no encoder makes small."""
    noise = np.random.default_rng([seed, round(time_s * 1000)]).integers(20, 236, (picture.height, picture.width), np.uint8)
    picture.image.paste(Image.fromarray(noise).resize(picture.image.size, Image.Resampling.NEAREST))


def film(scene: Scene, width: int, height: int, seed: int, *, times_s: list[float], is_turned: bool) -> Iterator[Planes]:
    """The scene at the given seconds, with the frame number, as planes; turned as a camera stores what it films upright."""
    for number, time_s in enumerate(times_s):
        picture = Picture(width, height)
        scene(picture, time_s, seed)
        picture.count(number)
        image = picture.image.reduce(_FINE)
        yield _planes(image.transpose(Image.Transpose.ROTATE_270) if is_turned else image)


_LUMA = bytes(int(16 + 219 * (value / 255)) for value in range(256))
_CHROMA = bytes(int(16 + 224 * (value / 255)) for value in range(256))


def _planes(image: Image.Image) -> Planes:
    """4:2:0 in limited range; Pillow's YCbCr is BT.601 in full range."""
    luma, *colours = image.convert("YCbCr").split()
    half = (image.width + 1) // 2, (image.height + 1) // 2
    blue, red = (_plane(colour.resize(half, Image.Resampling.BOX), _CHROMA) for colour in colours)
    return _plane(luma, _LUMA), blue, red


def _plane(band: Image.Image, values: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(band.tobytes().translate(values), np.uint8).reshape(band.height, band.width)


def steady(seconds: float, rate: Fraction) -> list[float]:
    """The times of the frames of a clip with a constant rate."""
    return [float(n / rate) for n in range(round(seconds * rate))]


def melody(seconds: float, *, sample_rate: int, seed: int) -> npt.NDArray[np.int16]:
    """A soft tune with a breath of noise, mono."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    notes = 220 * 2 ** (random.choice([0, 2, 4, 7, 9, 12], size=int(seconds / 0.25) + 1) / 12)
    phase = 2 * np.pi * np.cumsum(notes[(time / 0.25).astype(int)]) / sample_rate
    sound = 6000 * np.exp(-4 * (time % 0.25)) * np.sin(phase) + random.normal(0, 60, time.shape)
    return np.rint(sound).astype(np.int16)
