"""The clips of the sample: what each shows, how it is stored, its caption, and what has to become of it.

Belongs here: the list. Does not belong here: writing files (`samples.demo.make`), scenes (`samples.demo.scenes`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from video_assets.samples.demo.scenes import Scene, aquarium, ball, city, clock, road, sea, snow, static, windmill

NTSC_FILM, NTSC = Fraction(24_000, 1_001), Fraction(30_000, 1_001)
KEPT = "kept"
FASTSTART: Mapping[str, str] = {"movflags": "faststart"}
FRAGMENTED: Mapping[str, str] = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
LARGE, SMALL, UPRIGHT = {"width": 640, "height": 360}, {"width": 320, "height": 180}, {"width": 270, "height": 480}
WEBM = {"encoder": "libvpx-vp9", "muxer": "webm"}
MATROSKA = {"muxer": "matroska", "sound": "libmp3lame"}
EMPTY = "enriched_metadata: empty_caption"


@dataclass(frozen=True)
class SampleClip:
    """One clip that is encoded; `late_ticks` makes the rate variable, `cut_frames` hides frames behind an edit list."""

    name: str
    scene: Scene
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


_GERMAN = "Berge im Abendrot: Züge fahren an dunklen Hügeln vorbei, 黄昏の山。"
_QUOTED = 'A city after dark, "windows on, windows off", while cars pass from left to right.'
_LINES = "The four sails of a windmill turn above a green meadow.\nA white cloud drifts by."

CLIPS: tuple[SampleClip, ...] = (
    SampleClip("sunset-at-sea.mp4", sea, "A low sun sinks towards calm waves.", seconds=4, muxer_options=FASTSTART, **LARGE),
    SampleClip("moonlight.mp4", sea, "The full moon over a dark sea.", seed=1, rate=NTSC_FILM, seconds=3, sound=None),
    SampleClip("bouncing-ball.mp4", ball, "A red ball bounces across a wooden floor.", rate=Fraction(30), seconds=3),
    SampleClip("city-at-night.mp4", city, _QUOTED, rate=NTSC_FILM, seconds=3, muxer_options=FASTSTART, **LARGE),
    SampleClip("windmill.webm", windmill, _LINES, sound="libopus", seconds=2.4, **WEBM),
    SampleClip("windmill-no-sound.mp4", windmill, "A windmill on a summer's day.", seed=2, sound=None, seconds=1.6),
    SampleClip("winter/snowfall.mkv", snow, "Thick snow falls on fir trees.", encoder="libx265", seconds=2.4, **MATROSKA),
    SampleClip("winter/blizzard.mkv", snow, "Snow, seen through a window.", seed=5, rate=NTSC, **MATROSKA),
    SampleClip("aquarium.mp4", aquarium, "Three small fish swim past bubbles.", encoder="libx265", seconds=3),
    SampleClip("aquarium-60fps.mp4", aquarium, "Fish, very smooth motion.", seed=3, rate=Fraction(60), seconds=1.5),
    SampleClip("wall-clock.mov", clock, "Only the red second hand moves.", muxer="mov", rate=NTSC, width=360, height=360),
    SampleClip("old-clock.avi", clock, "A clock, in an old format.", seed=1, muxer="avi", encoder="mpeg4", sound="libmp3lame"),
    SampleClip("ball-av1.mp4", ball, "A yellow ball jumps.", seed=2, encoder="libsvtav1", sound="libopus", seconds=1.6),
    SampleClip("portrait/snow.mp4", snow, "Upright video: snow on trees.", seed=3, rate=NTSC, seconds=2.5, **UPRIGHT),
    SampleClip("portrait/phone-turned.mp4", road, "Hills, on a phone held upright.", seed=3, rotation_deg=90, rate=Fraction(30)),
    SampleClip("mountains.mp4", road, _GERMAN, seed=1, seconds=3),
    SampleClip("trimmed-road.mp4", road, "Driving along a straight, empty road.", rate=Fraction(30), seconds=3, cut_frames=40),
    SampleClip("road-variable-rate.mp4", road, "The same road, unevenly.", seed=4, rate=Fraction(30), is_variable_rate=True),
    SampleClip("fragmented.mp4", windmill, "Another windmill.", muxer_options=FRAGMENTED, encoder_options={"g": "25"}),
    SampleClip("odd-size.webm", ball, "A blue ball jumps.", seed=1, width=321, height=181, sound=None, **WEBM),
    SampleClip("CAMERA01.MP4", sea, "None", seed=2, **SMALL),
    SampleClip("no-caption.mp4", city, "", seed=7, expected=EMPTY, **SMALL),
    SampleClip("blank-caption.mp4", clock, " \t ", seed=2, expected=EMPTY, **SMALL),
    SampleClip(
        "untuned-television.mp4",
        static,
        "White noise on an untuned television.",
        seconds=1,
        encoder_options={"crf": "20"},
        expected="size_filtered: file_too_large",
        **LARGE,
    ),
)
