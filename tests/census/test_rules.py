"""Edges of the trainers' bucket rules, as their code has them; `benchmarks/census.py` compares with that code itself."""

import numpy as np
import pytest

from video_assets.census.rules import open_sora, ratios, sized
from video_assets.census.rules.placing import TOO_FEW_AFTER_RATE, TOO_FEW_FRAMES, TOO_FEW_PIXELS, Clips, Placed


def clips(*rows: tuple[int, int, int, float]) -> Clips:
    """Frames, width, height, fps."""
    frames, width, height, fps = (np.asarray(column) for column in zip(*rows, strict=True))
    return Clips(frames, height, width, fps.astype(float))


def told(placed: Placed) -> list[str]:
    """Bucket, or the cause why there is none, by clip."""
    found = list(placed.cause)
    for clip, bucket in zip(placed.clip, placed.bucket, strict=True):
        found[clip] = placed.buckets[bucket].name
    return found


def test_open_sora_1_wants_strictly_more_frames_and_four_fifths_of_the_pixels():
    found = open_sora.place_1(
        clips((51, 640, 360, 24), (52, 640, 360, 24), (200, 640, 288, 24), (200, 640, 287, 24), (52, 10, 10, 24)),
        {"360p": (51, 102)},
    )
    assert told(found) == [TOO_FEW_FRAMES, "360p 51 0.56", "360p 102 0.43", TOO_FEW_PIXELS, TOO_FEW_PIXELS]


def test_open_sora_1_falls_to_a_smaller_class_when_the_larger_has_no_short_bucket():
    assert told(open_sora.place_1(clips((60, 1280, 720, 24)), {"720p": (102,), "360p": (51,)})) == ["360p 51 0.56"]


def test_open_sora_2_divides_the_frames_by_the_step_that_brings_the_rate_down():
    rows = [(10, 256, 256, fps) for fps in (23.976, 24.0, 24.01, 30.0, 60.0)]
    found = told(open_sora.place_2(clips(*rows, (4, 256, 256, 24.0), (8, 256, 256, 60.0)), {"256px": (5, 9)}))
    assert found == [
        *("256px 9 1:1", "256px 9 1:1", "256px 5 1:1", "256px 5 1:1"),
        TOO_FEW_AFTER_RATE,
        TOO_FEW_FRAMES,
        TOO_FEW_AFTER_RATE,
    ]


def test_finetrainers_takes_the_longest_then_the_nearest_ratio_then_the_taller():
    sizes = [(17, 256, 256), (49, 256, 512), (49, 512, 1024), (49, 512, 512)]
    found = told(sized.finetrainers(clips((60, 1920, 960, 24), (48, 1920, 960, 24), (10, 64, 64, 24)), sizes))
    assert found == ["1024x512x49", "256x256x17", "fewer frames than every bucket: breaks batches"]


def test_ltx_puts_ratio_before_length():
    sizes = [(121, 768, 768), (25, 544, 960)]
    assert told(sized.ltx(clips((200, 1920, 1080, 24), (200, 500, 500, 24), (24, 500, 500, 24)), sizes)) == [
        "960x544x25",
        "768x768x121",
        TOO_FEW_FRAMES,
    ]


@pytest.mark.parametrize("size", [(24, 544, 960), (25, 540, 960)])
def test_ltx_refuses_buckets_that_its_model_cannot_take(size):
    with pytest.raises(ValueError, match=r"multiples of 32, and 8 n \+ 1 frames"):
        sized.ltx(clips((50, 64, 64, 24)), [size])


def test_diffusion_pipe_counts_frames_at_the_rate_of_the_model():
    found = ratios.diffusion_pipe(
        clips((66, 512, 512, 32.0), (65, 512, 512, 32.0), (20, 512, 512, 32.0)), [1, 33], rate=16, min_ar=0.5, max_ar=2, n_ars=3
    )
    assert told(found) == ["1.000 33", TOO_FEW_AFTER_RATE, TOO_FEW_FRAMES]


def test_musubi_tuner_puts_a_clip_into_every_target_that_it_fills():
    found = ratios.musubi_tuner(
        clips((50, 960, 544, 16.0), (30, 960, 544, 16.0), (20, 960, 544, 16.0)), (25, 47), size=(960, 544), rate=None,
        source_fps=np.full(3, 16.0),
    )  # fmt: skip
    assert [(int(clip), found.buckets[bucket].frames) for clip, bucket in zip(found.clip, found.bucket, strict=True)] == [
        (0, 25),
        (1, 25),
        (0, 45),
    ]
    assert list(found.cause) == ["", "", TOO_FEW_FRAMES]


def test_a_slower_source_never_fills_the_longest_target():
    # 15 frames a second for a model of 16: nothing is repeated, and reading stops at the 49th moment, after 46 frames.
    assert ratios.resampled(np.asarray([200]), np.asarray([15.0]), 16.0, longest=49).tolist() == [46]
    assert ratios.resampled(np.asarray([200]), np.asarray([12.0]), 24.0, longest=49).tolist() == [25]
    assert ratios.resampled(np.asarray([0, 1, 3]), np.asarray([30.0] * 3), 15.0, longest=49).tolist() == [0, 1, 2]
