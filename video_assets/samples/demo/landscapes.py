"""Scenes of the sample out of doors: sea, snow, waterfall, road, mountains, kites.

Belongs here: what one scene looks like at a second. Does not belong here: brushes (`samples.demo.brushes`), things
(`samples.demo.things`), clips (`samples.demo.clips`). Every scene takes height and width in pixels and a seed that varies colours
and places.
"""

from math import cos, sin

import numpy as np

from video_assets.samples.demo.brushes import Canvas, Colour, Scene, box, disc, grain, ground, ridge, sky, stroke


def _brighter(colour: Colour, factor: float) -> Colour:
    red, green, blue = colour
    return red * factor, green * factor, blue * factor


def sea(height: int, width: int, seed: int) -> Scene:
    """The sun sinks into moving waves; even seeds are evening, odd ones moonlight."""
    is_night = seed % 2 == 1
    back = (
        sky(height, width, top=(8, 12, 40), bottom=(40, 60, 110))
        if is_night
        else sky(height, width, top=(70, 60, 130), bottom=(255, 150, 80))
    )
    water = (10, 20, 50) if is_night else (40, 50, 100)
    light = (230, 235, 245) if is_night else (255, 220, 140)
    middle = width / height / 2

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        level = 0.25 + 0.07 * time_s
        disc(canvas, middle, level, 0.16, light, opacity=0.4, soft=0.2)
        disc(canvas, middle, level, 0.09, light)
        for row in range(5):
            waves = ridge(
                width, height, seed=seed + row, base=0.6 + 0.08 * row, size=0.008 * (row + 1), shift=time_s * (0.3 + 0.2 * row)
            )
            ground(canvas, waves, _brighter(water, 1 + 0.12 * row))
        for row in range(9):
            glint = 0.05 + 0.04 * abs(sin(3 * time_s + row * 2.1))
            y = 0.62 + 0.04 * row
            box(canvas, (middle - glint, y, middle + glint, y + 0.008), light, opacity=0.5)
        return canvas

    return at


def snow(height: int, width: int, seed: int) -> Scene:
    """Snow falls on hills with fir trees."""
    random = np.random.default_rng(seed)
    back = sky(height, width, top=(120, 135, 160), bottom=(200, 205, 215))
    ground(back, ridge(width, height, seed=seed, base=0.65, size=0.05), (170, 180, 195))
    ground(back, ridge(width, height, seed=seed + 1, base=0.8, size=0.03), (235, 240, 245))
    for x in random.uniform(0.05, 0.95, 7) * width / height:
        for layer in range(4):
            y = 0.62 + 0.05 * layer
            stroke(back, (x - 0.02 * (layer + 1), y + 0.05), (x + 0.02 * (layer + 1), y + 0.05), 0.05, (35, 75 + 5 * layer, 60))
    flakes = random.uniform(0, 1, (60, 3))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for start_x, start_y, size in flakes:
            x = (start_x + 0.03 * sin(time_s * 2 + size * 9)) * width / height
            y = (start_y + time_s * (0.15 + 0.2 * size)) % 1.05
            disc(canvas, x, y, 0.004 + 0.006 * size, (255, 255, 255), opacity=0.9, soft=0.004)
        return canvas

    return at


def waterfall(height: int, width: int, seed: int) -> Scene:
    """Water falls between dark rocks into a pool."""
    random = np.random.default_rng(seed)
    aspect = width / height
    back = sky(height, width, top=(60, 95, 60), bottom=(35, 50, 45))
    back += grain(height, width, seed=seed, strength=6)
    box(back, (0.3 * aspect, 0.08, 0.7 * aspect, 0.85), (120, 160, 180))
    streaks = random.uniform(0, 1, (45, 3))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for x, start, speed in streaks:
            y = 0.08 + (start + time_s * (0.6 + speed)) % 1 * 0.75
            place = (0.31 + 0.38 * x) * aspect
            stroke(canvas, (place, y), (place, min(y + 0.08, 0.85)), 0.006, (225, 240, 248))
        ground(canvas, ridge(width, height, seed=seed, base=0.84, size=0.01, shift=time_s * 2), (70, 110, 125))
        return canvas

    return at


def road(height: int, width: int, seed: int) -> Scene:
    """Driving along an empty road towards the hills."""
    aspect, middle = width / height, width / height / 2
    back = sky(height, width, top=(110, 170, 225), bottom=(235, 225, 200))
    ground(back, ridge(width, height, seed=seed, base=0.47, size=0.03), (110, 125, 120))
    ground(back, np.full(width, 0.5, np.float32), (130, 140, 75))
    for row in range(int(height * 0.5), height):
        half = 0.02 + (row / height - 0.5) * aspect * 0.8
        left, right = int((middle - half) * height), int((middle + half) * height)
        back[row, max(left, 0) : max(right, 0)] = (78, 78, 82)
        back[row, max(left, 0) : max(left + (right - left) // 24 + 1, 0)] = (235, 235, 230)

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for mark in range(7):
            near = ((mark + time_s * 2.2) % 7) / 7
            y = 0.5 + 0.5 * near**2
            size = 0.004 + 0.02 * near**2
            stroke(canvas, (middle, y), (middle, min(y + 0.1 * near**2 + 0.004, 1)), size, (240, 235, 220))
            side = middle + (0.05 + 0.62 * near**2) * aspect
            stroke(canvas, (side, y), (side, y - 0.02 - 0.22 * near**2), size * 0.8, (90, 70, 50))
        return canvas

    return at


def mountains(height: int, width: int, seed: int) -> Scene:
    """The view from a train: near hills pass faster than far mountains."""
    is_dusk = seed % 2 == 1
    back = (
        sky(height, width, top=(50, 40, 90), bottom=(240, 140, 110))
        if is_dusk
        else sky(height, width, top=(100, 160, 220), bottom=(230, 240, 245))
    )
    colours = ((110, 90, 130), (75, 65, 105), (40, 40, 70)) if is_dusk else ((150, 170, 190), (90, 135, 110), (55, 105, 65))

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        disc(canvas, 0.75 * width / height, 0.22, 0.06, (255, 240, 210), soft=0.03)
        for layer, colour in enumerate(colours):
            shift = time_s * (0.05 + 0.2 * layer * layer)
            ground(canvas, ridge(width, height, seed=seed + layer, base=0.5 + 0.17 * layer, size=0.05, shift=shift), colour)
        return canvas

    return at


def kites(height: int, width: int, seed: int) -> Scene:
    """Two kites dance over a beach."""
    back = sky(height, width, top=(120, 190, 240), bottom=(220, 240, 250))
    ground(back, np.full(width, 0.75, np.float32), (70, 150, 190))
    ground(back, ridge(width, height, seed=seed, base=0.84, size=0.015), (230, 210, 160))
    aspect = width / height

    def at(time_s: float) -> Canvas:
        canvas = back.copy()
        for number, colour in enumerate(((230, 60, 60), (250, 190, 40))):
            x = aspect * (0.35 + 0.3 * number) + 0.12 * sin(time_s * 1.7 + 2 * number)
            y = 0.3 + 0.1 * cos(time_s * 2.3 + number)
            stroke(canvas, (x, y), (aspect * (0.3 + 0.35 * number), 0.88), 0.004, (90, 90, 90))
            stroke(canvas, (x, y - 0.06), (x, y + 0.06), 0.05, colour)
            for bow in range(4):
                disc(canvas, x + 0.03 * sin(time_s * 5 + bow), y + 0.1 + 0.04 * bow, 0.01, colour)
        return canvas

    return at
