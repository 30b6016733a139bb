"""Where the packets of a clip lie in its file, and changes to packets on their way into a container.

Belongs here: PyAV packets, for the broken-clip kit. Does not belong here: encoding (`encode`), damage to bytes
(`samples.broken.damage`).
"""

import io
from dataclasses import dataclass
from fractions import Fraction

import av
from av.packet import Packet

from video_assets.media.making.encode import PacketEdit


@dataclass(frozen=True)
class PacketSpan:
    """The bytes `start` to `end` of a file are one packet of a stream of this kind (video, audio)."""

    kind: str
    start: int
    end: int
    is_key: bool


def packet_spans(data: bytes) -> list[PacketSpan]:
    """All packets of a whole clip, found in its bytes, in the order in which they are stored.

    Raises:
        ValueError: a packet's payload is not stored as it is read (the kit's own clips never are).
    """
    spans = []
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux():
            if not packet.size:
                continue
            start = data.find(bytes(packet))
            if start < 0:
                raise ValueError(f"packet of {packet.size} bytes at {packet.pos} is stored in another form")
            spans.append(PacketSpan(packet.stream.type, start, start + packet.size, bool(packet.is_keyframe)))
    return sorted(spans, key=lambda span: span.start)


def _keys(packets: list[Packet]) -> list[int]:
    return [number for number, packet in enumerate(packets) if packet.is_keyframe]


def drop_key(place: int) -> PacketEdit:
    """An edit that leaves out one key frame: 0 is the first."""

    def edit(packets: list[Packet]) -> list[Packet]:
        gone = _keys(packets)[place]
        return packets[:gone] + packets[gone + 1 :]

    return edit


def double_key(place: int) -> PacketEdit:
    """An edit that stores one key frame twice; what follows is shown one frame later."""

    def edit(packets: list[Packet]) -> list[Packet]:
        number = _keys(packets)[place]
        again = _copy(packets[number])
        frame = _frame_ticks(packets)
        return packets[: number + 1] + [_later(packet, frame) for packet in (again, *packets[number + 1 :])]

    return edit


def jump(seconds: Fraction, *, at: int) -> PacketEdit:
    """An edit that shifts the packets from number `at` on."""

    def edit(packets: list[Packet]) -> list[Packet]:
        ticks = round(seconds / (packets[0].time_base or 1))
        return packets[:at] + [_later(packet, ticks) for packet in packets[at:]]

    return edit


def stand_still(*, at: int, count: int) -> PacketEdit:
    """An edit that gives `count` packets from number `at` on the time of the packet before them."""

    def edit(packets: list[Packet]) -> list[Packet]:
        for packet in packets[at : at + count]:
            packet.pts, packet.dts = packets[at - 1].pts, packets[at - 1].dts
        return packets

    return edit


def swap(*, at: int) -> PacketEdit:
    """An edit that exchanges the contents of two neighbouring packets."""

    def edit(packets: list[Packet]) -> list[Packet]:
        first, second = _copy(packets[at + 1]), _copy(packets[at])
        for packet, old in ((first, packets[at]), (second, packets[at + 1])):
            packet.pts, packet.dts = old.pts, old.dts
        return [*packets[:at], first, second, *packets[at + 2 :]]

    return edit


def append(clip: bytes, *, seconds: Fraction) -> PacketEdit:
    """An edit that puts the video packets of another clip behind those that are there, that much later than they were.

    The other clip's packets must hold what its decoder needs, as in a transport stream, or for VP8 and VP9 anywhere.
    """

    def edit(packets: list[Packet]) -> list[Packet]:
        with av.open(io.BytesIO(clip), "r") as container:
            others = [packet for packet in container.demux(video=0) if packet.size]
            start = min(packet.dts for packet in others if packet.dts is not None)
            twins = [_later(_copy(packet), round(seconds / (packet.time_base or 1)) - start) for packet in others]
        for twin in twins:
            twin.stream = packets[0].stream
        return packets + twins

    return edit


def cut_last(packets: list[Packet]) -> list[Packet]:
    """The packets, the last of which has lost its second half: an edit."""
    last = packets[-1]
    return [*packets[:-1], _copy(last, size=last.size // 2)]


def drop(*, at: int) -> PacketEdit:
    """An edit that leaves out packet number `at`."""

    def edit(packets: list[Packet]) -> list[Packet]:
        return packets[:at] + packets[at + 1 :]

    return edit


def from_key(place: int) -> PacketEdit:
    """An edit that leaves out everything before a key frame, as a cut does: 1 is the second."""

    def edit(packets: list[Packet]) -> list[Packet]:
        return packets[_keys(packets)[place] :]

    return edit


def _copy(packet: Packet, *, size: int | None = None) -> Packet:
    twin = Packet(bytes(packet)[:size])
    twin.stream, twin.time_base = packet.stream, packet.time_base
    twin.pts, twin.dts, twin.duration = packet.pts, packet.dts, packet.duration
    twin.is_keyframe = packet.is_keyframe
    return twin


def _later(packet: Packet, ticks: int) -> Packet:
    packet.pts, packet.dts = (None if value is None else value + ticks for value in (packet.pts, packet.dts))
    return packet


def _frame_ticks(packets: list[Packet]) -> int:
    times = sorted(packet.dts for packet in packets if packet.dts is not None)
    return times[1] - times[0]
