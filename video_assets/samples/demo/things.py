"""Scenes of the sample about things: ball, city, windmill, aquarium, clock, lava lamp, television.

Belongs here: what one scene looks like at a second. Does not belong here: brushes (`samples.demo.brushes`), landscapes
(`samples.demo.landscapes`), clips (`samples.demo.clips`). Every scene takes height and width in pixels and a seed that varies
colours and places.
"""

from math import cos, pi, sin

import numpy as np

from video_assets.samples.demo.brushes import Canvas, Scene, box, disc, grain, ground, ridge, sky, stroke


def ball(height: int, width: int, seed: int) -> Scene:
    """A ball bounces over a wooden floor and throws a shadow."""
    colour = [(220, 60, 50), (60, 110, 220), (240, 180, 30)][seed % 3]
    back = sky(height, width, top=(205, 215, 225), bottom=(240, 235, 225))
    box(back, (0, 0.72, width / height, 1), (150, 105, 65))
    for plank in range(5):
        box(back, (0, 0.74 + 0.06 * plank, width / height, 0.745 + 0.06 * plank), (120, 80, 50))
    back += grain(height, width, seed=seed, strength=2.5)

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        phase = time_s * 1.25 % 1
        lift = 4 * phase * (1 - phase) * 0.55
        reach = width / height - 0.3
        x = 0.15 + abs((time_s * 0.35) % (2 * reach) - reach)
        disc(canvas, x + lift * 0.3, 0.83, 0.09 - 0.05 * lift, (60, 40, 30), opacity=0.5 - 0.4 * lift, soft=0.04)
        disc(canvas, x, 0.74 - lift, 0.1, colour)
        disc(canvas, x - 0.035, 0.705 - lift, 0.025, (255, 255, 255), opacity=0.7, soft=0.02)
        return canvas

    return at


def city(height: int, width: int, seed: int) -> Scene:
    """A skyline at night: windows go on and off, cars pass."""
    random = np.random.default_rng(seed)
    back = sky(height, width, top=(10, 12, 35), bottom=(60, 40, 80))
    for x, y in random.uniform(0, 1, (40, 2)):
        disc(back, x * width / height, y * 0.5, 0.002, (220, 220, 255))
    windows = []
    for number in range(9):
        left, top = number * width / height / 9, float(random.uniform(0.25, 0.6))
        box(back, (left, top, left + width / height / 10, 0.9), (22 + 3 * (number % 3), 24, 38))
        windows += [(left + 0.03 + 0.06 * c, top + 0.04 + 0.09 * r) for r in range(6) for c in range(2) if top + 0.09 * r < 0.78]
    box(back, (0, 0.9, width / height, 1), (35, 35, 40))
    rhythm = random.uniform(0, 6.28, len(windows))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for (x, y), phase in zip(windows, rhythm, strict=True):
            if sin(phase + time_s * (0.5 + phase / 4)) > 0:
                box(canvas, (x, y, x + 0.03, y + 0.04), (250, 215, 120))
        for car in range(4):
            x = (time_s * (0.5 + 0.1 * car) + car * 0.6) % (width / height + 0.2) - 0.1
            disc(canvas, x, 0.95, 0.012, (255, 255, 230), soft=0.02)
            disc(canvas, x - 0.07, 0.95, 0.008, (255, 40, 30), soft=0.02)
        return canvas

    return at


def windmill(height: int, width: int, seed: int) -> Scene:
    """Four sails turn above a meadow while a cloud drifts by."""
    back = sky(height, width, top=(90, 160, 230), bottom=(210, 230, 245))
    ground(back, ridge(width, height, seed=seed, base=0.72, size=0.03), (90, 150, 70))
    ground(back, ridge(width, height, seed=seed + 1, base=0.85, size=0.02), (70, 125, 55))
    x = width / height * (0.4 + 0.1 * (seed % 3))
    stroke(back, (x, 0.45), (x, 0.8), 0.1, (200, 190, 175))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for puff in range(3):
            disc(
                canvas, 0.25 + 0.09 * puff + 0.08 * time_s, 0.2 - 0.02 * (puff % 2), 0.06, (255, 255, 255), opacity=0.8, soft=0.06
            )
        for sail in range(4):
            angle = time_s * 1.4 + sail * pi / 2
            stroke(canvas, (x, 0.42), (x + 0.3 * cos(angle), 0.42 + 0.3 * sin(angle)), 0.035, (120, 60, 45))
        disc(canvas, x, 0.42, 0.03, (60, 40, 35))
        return canvas

    return at


def aquarium(height: int, width: int, seed: int) -> Scene:
    """Fish swim past rising bubbles."""
    random = np.random.default_rng(seed)
    back = sky(height, width, top=(40, 140, 190), bottom=(10, 50, 100))
    ground(back, ridge(width, height, seed=seed, base=0.9, size=0.015), (190, 170, 120))
    fish = [
        (*random.uniform(0.1, 0.8, 2), random.uniform(0.1, 0.3), colour)
        for colour in ((250, 140, 30), (250, 220, 60), (230, 80, 120))
    ]

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for weed in range(6):
            x = (0.1 + 0.16 * weed) * width / height
            stroke(canvas, (x, 0.93), (x + 0.04 * sin(time_s * 1.5 + weed), 0.68), 0.018, (40, 120, 70))
        for start_x, y, speed, colour in fish:
            x = (start_x + time_s * speed) % (width / height + 0.3) - 0.15
            tail = 0.03 * sin(time_s * 9 + y * 20)
            stroke(canvas, (x - 0.06, y), (x - 0.11, y - 0.03 + tail), 0.02, colour)
            stroke(canvas, (x - 0.04, y), (x + 0.04, y), 0.07, colour)
            disc(canvas, x + 0.045, y - 0.01, 0.009, (20, 20, 20))
        for bubble in range(8):
            y = 0.95 - (time_s * 0.25 + bubble * 0.13) % 1
            disc(canvas, 0.8 * width / height + 0.02 * sin(6 * y + bubble), y, 0.012, (200, 230, 250), opacity=0.6)
        return canvas

    return at


def clock(height: int, width: int, seed: int) -> Scene:
    """A clock with a running second hand."""
    back = sky(height, width, top=(60, 75, 70), bottom=(40, 55, 50))
    back += grain(height, width, seed=seed, strength=3)
    x = width / height / 2
    disc(back, x, 0.5, 0.42, (110, 80, 45))
    disc(back, x, 0.5, 0.38, (245, 240, 228))
    for mark in range(12):
        angle = mark * pi / 6
        stroke(
            back,
            (x + 0.32 * cos(angle), 0.5 + 0.32 * sin(angle)),
            (x + 0.35 * cos(angle), 0.5 + 0.35 * sin(angle)),
            0.014,
            (40, 40, 40),
        )
    hands = ((0.2, 0.3 + seed, 0.025, (30, 30, 30)), (0.29, 2.0 + seed, 0.018, (30, 30, 30)))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for length, angle, thick, colour in hands:
            stroke(canvas, (x, 0.5), (x + length * cos(angle), 0.5 + length * sin(angle)), thick, colour)
        angle = time_s * pi / 2 - pi / 2
        stroke(canvas, (x, 0.5), (x + 0.33 * cos(angle), 0.5 + 0.33 * sin(angle)), 0.009, (200, 40, 30))
        disc(canvas, x, 0.5, 0.018, (200, 40, 30))
        return canvas

    return at


def lava(height: int, width: int, seed: int) -> Scene:
    """Soft blobs rise and sink in a lava lamp."""
    random = np.random.default_rng(seed)
    hot = [(255, 120, 40), (90, 230, 160), (240, 80, 200)][seed % 3]
    back = sky(height, width, top=(50, 15, 70), bottom=(110, 30, 60))
    blobs = random.uniform(0, 1, (9, 4))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for x, phase, speed, size in blobs:
            y = 0.5 + 0.45 * sin(phase * 6.28 + time_s * (0.5 + speed))
            disc(canvas, x * width / height, y, 0.06 + 0.08 * size, hot, opacity=0.85, soft=0.12)
        return canvas

    return at


def static(height: int, width: int, seed: int) -> Scene:
    """An untuned television: noise, which no encoder makes small."""
    random = np.random.default_rng(seed)

    def at(time_s: float) -> Canvas:
        del time_s
        noise = random.integers(20, 236, (height, width, 1)).astype(np.float32)
        return np.repeat(noise, 3, axis=2)

    return at
