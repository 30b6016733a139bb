"""The clips of the sample: what each shows, how it is stored, its caption, and what has to become of it.

Belongs here: the list. Does not belong here: writing files (`samples.demo.make`), scenes (`samples.demo.landscapes`,
`samples.demo.things`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from video_assets.samples.demo import landscapes as kit_landscapes
from video_assets.samples.demo import things as kit_things
from video_assets.samples.demo.brushes import Scene

NTSC_FILM, NTSC = Fraction(24_000, 1_001), Fraction(30_000, 1_001)
KEPT = "kept"
FASTSTART: Mapping[str, str] = {"movflags": "faststart"}


@dataclass(frozen=True)
class SampleClip:
    """One clip that is encoded; `late_ticks` makes the rate variable, `cut_frames` hides frames behind an edit list."""

    name: str
    scene: Callable[[int, int, int], Scene]
    caption: str
    width: int = 480
    height: int = 270
    rate: Fraction = Fraction(25)
    seconds: float = 2.0
    seed: int = 0
    muxer: str = "mp4"
    encoder: str = "libx264"
    sound: str | None = "aac"
    muxer_options: Mapping[str, str] = field(default_factory=dict)
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    rotation_deg: int = 0
    cut_frames: int = 0
    is_variable_rate: bool = False
    expected: str = KEPT


CLIPS: tuple[SampleClip, ...] = (
    SampleClip(
        "sunset-at-sea.mp4",
        kit_landscapes.sea,
        "A low orange sun sinks towards calm waves. Its light glitters in a broken line on the water, and the sky above fades to "
        "violet.",
        width=640,
        height=360,
        seconds=4,
        muxer_options=FASTSTART,
    ),
    SampleClip(
        "moonlight.mp4",
        kit_landscapes.sea,
        "The full moon stands over a dark sea at night.",
        seed=1,
        rate=NTSC_FILM,
        seconds=3,
        sound=None,
    ),
    SampleClip(
        "bouncing-ball.mp4",
        kit_things.ball,
        "A red ball bounces across a wooden floor; its soft shadow grows each time it comes down.",
        rate=Fraction(30),
        seconds=3,
    ),
    SampleClip(
        "city-at-night.mp4",
        kit_things.city,
        'A city after dark, "windows on, windows off", while cars with white and red lights pass from left to right.',
        width=640,
        height=360,
        rate=NTSC_FILM,
        seconds=3,
        muxer_options=FASTSTART,
    ),
    SampleClip(
        "windmill.webm",
        kit_things.windmill,
        "The four brown sails of a windmill turn slowly above a green meadow.\nA white cloud drifts by.",
        encoder="libvpx-vp9",
        muxer="webm",
        sound="libopus",
        seconds=2.4,
    ),
    SampleClip(
        "windmill-no-sound.mp4",
        kit_things.windmill,
        "A windmill on a summer's day, seen from afar.",
        seed=2,
        sound=None,
        seconds=1.6,
    ),
    SampleClip(
        "winter/snowfall.mkv",
        kit_landscapes.snow,
        "Thick snowflakes fall on a row of fir trees in front of white hills.",
        muxer="matroska",
        encoder="libx265",
        seconds=2.4,
    ),
    SampleClip(
        "winter/blizzard.mkv",
        kit_landscapes.snow,
        "Snow, seen through a window.",
        seed=5,
        muxer="matroska",
        sound="libmp3lame",
        rate=NTSC,
    ),
    SampleClip(
        "aquarium.mp4",
        kit_things.aquarium,
        "Three small fish, orange, yellow and pink, swim to the right past waving water plants and a column of bubbles.",
        encoder="libx265",
        seconds=3,
    ),
    SampleClip(
        "aquarium-60fps.mp4",
        kit_things.aquarium,
        "Fish in blue water, very smooth motion.",
        seed=3,
        rate=Fraction(60),
        seconds=1.5,
    ),
    SampleClip(
        "wall-clock.mov",
        kit_things.clock,
        "A round wall clock; only the red second hand moves.",
        muxer="mov",
        rate=NTSC,
        width=360,
        height=360,
    ),
    SampleClip(
        "lava-lamp.avi",
        kit_things.lava,
        "Orange blobs rise and sink in a lava lamp against a purple background.",
        width=320,
        height=240,
        muxer="avi",
        encoder="mpeg4",
        sound="libmp3lame",
        seconds=2.4,
    ),
    SampleClip(
        "lava-lamp-av1.mp4",
        kit_things.lava,
        "Green wax melts into drops.",
        seed=1,
        encoder="libsvtav1",
        sound="libopus",
        seconds=1.6,
    ),
    SampleClip(
        "portrait/waterfall.mp4",
        kit_landscapes.waterfall,
        "Upright video: white water falls between dark green rocks into a pool.",
        width=270,
        height=480,
        rate=NTSC,
        seconds=2.5,
    ),
    SampleClip(
        "portrait/phone-turned.mp4",
        kit_landscapes.mountains,
        "Hills from a train window, filmed with a phone that was held upright.",
        rotation_deg=90,
        rate=Fraction(30),
    ),
    SampleClip(
        "mountains.mp4",
        kit_landscapes.mountains,
        "Berge im Abendrot: Züge fahren an dunklen Hügeln vorbei, 黄昏の山。",
        seed=1,
        seconds=3,
    ),
    SampleClip(
        "trimmed-road.mp4",
        kit_landscapes.road,
        "Driving along a straight, empty road towards grey hills.",
        rate=Fraction(30),
        seconds=3,
        cut_frames=40,
    ),
    SampleClip(
        "road-variable-rate.mp4",
        kit_landscapes.road,
        "The same road, recorded at an uneven rate.",
        seed=4,
        rate=Fraction(30),
        is_variable_rate=True,
    ),
    SampleClip(
        "kites-fragmented.mp4",
        kit_landscapes.kites,
        "A red and a yellow kite dance over a beach.",
        seconds=3,
        muxer_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        encoder_options={"g": "25"},
    ),
    SampleClip(
        "odd-size.webm",
        kit_things.ball,
        "A blue ball jumps.",
        seed=1,
        width=321,
        height=181,
        encoder="libvpx-vp9",
        muxer="webm",
        sound=None,
    ),
    SampleClip("CAMERA01.MP4", kit_landscapes.kites, "None", seed=2, width=320, height=180),
    SampleClip("no-caption.mp4", kit_things.city, "", seed=7, width=320, height=180, expected="enriched_metadata: empty_caption"),
    SampleClip(
        "blank-caption.mp4", kit_things.clock, " \t ", seed=2, width=320, height=180, expected="enriched_metadata: empty_caption"
    ),
    SampleClip(
        "untuned-television.mp4",
        kit_things.static,
        "White noise on an untuned television.",
        width=640,
        height=360,
        seconds=1,
        encoder_options={"crf": "20"},
        expected="size_filtered: file_too_large",
    ),
)
