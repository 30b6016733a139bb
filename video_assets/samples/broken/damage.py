"""Damage that knows where the parts of a clip lie, not what they mean: cuts, flipped bits, deleted, inserted and zeroed blocks.

Belongs here: bytes to bytes, with a random generator of a fixed seed. Does not belong here: damage that writes wrong values into
fields of a container (`samples.broken.mp4_boxes`, `samples.broken.matroska_avi`), files that never were clips
(`samples.broken.others`).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from video_assets.media.making.packets import PacketSpan, packet_spans

Truth = Literal["good", "bad", ""]

# Who notices damage inside a packet, if anybody does.
_PAYLOAD = {"video": "corrupt_video", "audio": "corrupt_audio"}


@dataclass(frozen=True)
class Made:
    """A damaged (or whole) clip.

    `truth`: only where the way it was made leaves no doubt, whatever its bytes are. `reason`: the one that holds if it is bad.

    `is_overpromising`: the container promises more frames than it stores; a checker that says so is right even where FFmpeg is
    silent. `is_blind`: done without knowing what the bytes mean; where FFmpeg is silent and shows fewer frames than the whole
    clip has, a checker that misses them is right.
    """

    damage: str
    data: bytes
    note: str
    truth: Truth = ""
    reason: str = ""
    is_overpromising: bool = False
    is_blind: bool = False


@dataclass(frozen=True)
class Regions:
    """The parts of a clip as (start, end) of bytes."""

    header: Sequence[tuple[int, int]]
    index: Sequence[tuple[int, int]]
    video: Sequence[tuple[int, int]]
    audio: Sequence[tuple[int, int]]


def find_regions(data: bytes) -> Regions:
    """Where header, index and packets of a whole clip lie; the index is what comes after the last packet."""
    spans = packet_spans(data)
    first, last = spans[0].start, max(span.end for span in spans)
    index = [(last, len(data))] if len(data) > last + 16 else [(first // 2, first)]
    return Regions(header=[(0, first)], index=index, video=_of(spans, "video"), audio=_of(spans, "audio"))


def _of(spans: list[PacketSpan], kind: str) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in spans if span.kind == kind]


def generic_damage(data: bytes, *, seed: str, is_index_last: bool) -> Iterator[Made]:
    """Every damage of this module, done to one clip.

    Args:
        data: the whole clip.
        seed: decides the places; the same seed, the same places.
        is_index_last: the clip cannot be opened without its last bytes (mp4 and mov with the index at the end).
    """
    regions = find_regions(data)
    for made in (
        *_truncations(data, regions, is_index_last=is_index_last),
        *_flips(data, regions, seed=seed),
        *_blocks(data, regions, seed=seed),
    ):
        yield replace(made, is_blind=True)


def _truncations(data: bytes, regions: Regions, *, is_index_last: bool) -> Iterator[Made]:
    header_end = regions.header[0][1]
    last_packet = max(end for _, end in (*regions.video, *regions.audio))
    for name, length in (
        ("in-header", header_end // 2),
        ("after-header", header_end),
        ("at-30-percent", len(data) * 3 // 10),
        ("at-60-percent", len(data) * 6 // 10),
        ("at-85-percent", len(data) * 85 // 100),
        ("before-last-packet", last_packet - 3),
        ("by-1-byte", len(data) - 1),
    ):
        is_sure = is_index_last and length < last_packet
        note = f"the first {length} of {len(data)} bytes"
        truth: Truth = "bad" if is_sure or name == "in-header" else ""
        yield Made(f"truncated-{name}", data[:length], note, truth, "truncated" if is_sure and length > 64 else "")


def _flips(data: bytes, regions: Regions, *, seed: str) -> Iterator[Made]:
    for place, spans, counts in (
        ("header", regions.header, (1, 4)),
        ("index", regions.index, (1, 4)),
        ("video", regions.video, (1, 1, 3, 40)),
        ("audio", regions.audio, (1, 3, 40)),
    ):
        for number, n_flips in enumerate(counts if spans else ()):
            damage = f"flipped-{place}-{n_flips}-{'abcd'[number]}"
            dice = random.Random(f"{seed}/{damage}")  # noqa: S311 - repeatable places, no secret
            damaged = bytearray(data)
            for _ in range(n_flips):
                start, end = dice.choice(spans)
                damaged[dice.randrange(start, end)] ^= 1 << dice.randrange(8)
            yield Made(damage, bytes(damaged), f"{n_flips} bits of the {place} turned over", reason=_PAYLOAD.get(place, ""))


def _blocks(data: bytes, regions: Regions, *, seed: str) -> Iterator[Made]:
    for place, spans in (
        ("video", regions.video),
        ("audio", regions.audio),
        ("header", regions.header),
        ("index", regions.index),
    ):
        if not spans:
            continue
        dice = random.Random(f"{seed}/blocks/{place}")  # noqa: S311 - repeatable places, no secret
        start, end = max(spans, key=lambda span: span[1] - span[0]) if place == "video" else dice.choice(spans)
        size = min((end - start) // 2, 256)
        at = dice.randrange(start, end - size)
        yield Made(
            f"zeroed-{place}",
            data[:at] + bytes(size) + data[at + size :],
            f"{size} bytes of the {place} are zero",
            reason=_PAYLOAD.get(place, ""),
        )
        if place == "header":
            continue
        yield Made(f"deleted-{place}", data[:at] + data[at + size :], f"{size} bytes of the {place} are gone")
        yield Made(f"inserted-{place}", data[:at] + dice.randbytes(64) + data[at:], f"64 strange bytes in the {place}")
    first, last = regions.video[len(regions.video) // 3][0], regions.video[2 * len(regions.video) // 3][1]
    note = f"{last - first} bytes in the middle are zero, as after a download with holes"
    yield Made("zeroed-hole", data[:first] + bytes(last - first) + data[last:], note, reason="corrupt_video")
    yield Made("appended-text", data + b"\r\n--boundary--\r\n" * 8, "text after the end, as from a broken upload form")
