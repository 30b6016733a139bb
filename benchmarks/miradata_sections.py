"""Clips of a long web video: read by parts, or cut out of the whole download.

    python benchmarks/miradata_sections.py [--minutes 20] [--shares 2 5 10 25 50 75 90] [--clip-s 20] [--rounds 3]
                                           [--latency-ms 50] [--mb-per-s 10]

Serves one video by tests/fakes/web_server.py with a latency and a limit per connection, and cuts the same clips both ways, by
turns, as the program does, proof included. Prints for each share of the video that the clips cover what the server sent,
requests, wall seconds and CPU seconds (user and system; without the server), what the program would choose, and whether both ways
gave the same bytes. The video repeats twenty seconds of pictures that compress badly: a real one's size, made in seconds.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from video_assets.media.making.encode import AudioTrack, VideoTrack, write_clip
from video_assets.sources.miradata.rules.cuts import plan_sections

RATE, SIZE, PIECE_S = 25, (640, 360), 20
SERVER = """
import json, sys
from pathlib import Path
from web_server import serving
with serving() as web:
    web.latency_s, web.bytes_per_s = float(sys.argv[2]), int(sys.argv[3]) or None
    web.put("/v.mp4", Path(sys.argv[1]))
    print(web.base, flush=True)
    for _ in sys.stdin:
        print(json.dumps([sum(asked.n_bytes for asked in web.log), len(web.log)]), flush=True)
        web.log.clear()
"""
CUT = """
import json, sys
from pathlib import Path
from video_assets.media.cutting.place import Place
from video_assets.settings.sources import MiraData
from video_assets.sources.miradata.cut_request import ClipPlace, CutAnswer, CutRequest, SourceFile
from video_assets.sources.miradata.cut_task import work
from video_assets.sources.web.videos import WebVideos
url, folder, is_by_parts, spans = json.loads(sys.argv[1])
settings = MiraData(allowed_networks=("127.0.0.0/8",), request_sleep_s=0)
with WebVideos(settings, cache=Path(folder) / "cache") as web:
    found = web.find(url)
    if is_by_parts:
        files = {file.role: SourceFile(url=file.url, headers=file.headers, n_bytes=file.n_bytes) for file in found.files}
    else:
        files = {role: SourceFile(path=str(path)) for role, path in web.fetch(found, Path(folder), "source").items()}
clips = [ClipPlace(f"{folder}/{number}.mp4", Place(*span)) for number, span in enumerate(spans)]
request = CutRequest(files, clips, "copy", settings.model_dump(mode="json"), folder)
answer = CutAnswer.from_json(work(**request.as_json()))
assert answer.fault is None and not any(result.reason for result in answer.results), answer
"""


@dataclass(frozen=True)
class Cost:
    """What one way took: bytes and requests as the server counted them, seconds, and a hash of the clips."""

    n_bytes: int
    n_requests: int
    wall_s: float
    cpu_s: float
    clips: str


def main():
    """Make the video, serve it, cut by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--shares", type=float, nargs="+", default=[2, 5, 10, 25, 50, 75, 90])
    parser.add_argument("--clip-s", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--mb-per-s", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = make_video(Path(folder) / "v.mp4", options.minutes * 60)
        limits = [str(options.latency_ms / 1000), str(int(options.mb_per_s * 1e6))]
        command = [sys.executable, "-c", SERVER, str(video), *limits]
        fakes = str(Path(__file__).parents[1] / "tests" / "fakes")
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": fakes}
        ) as server:
            url = server.stdout.readline().strip() + "/v.mp4"
            print(f"a video of {options.minutes:g} minutes, {video.stat().st_size / 1e6:.0f} MB; clips of {options.clip_s:g} s")
            print("share clips | by parts: MB requests wall_s cpu_s | whole: MB requests wall_s cpu_s | chosen | same clips")
            for share in options.shares:
                compare(server, url, video, share, options)
            server.stdin.close()


def make_video(path, seconds):
    """Twenty seconds, again and again, index in front."""
    piece = path.with_name("piece.mp4")
    noise = np.random.default_rng(7).integers(0, 90, (SIZE[1], SIZE[0]), dtype=np.uint8)
    chroma = np.full((SIZE[1] // 2, SIZE[0] // 2), 128, np.uint8)
    frames = ((np.roll(noise, number * 3, axis=1) + np.uint8(number % 60), chroma, chroma) for number in range(PIECE_S * RATE))
    track = VideoTrack("libx264", *SIZE, Fraction(RATE), frames, options={"g": "125", "bf": "2", "preset": "ultrafast"})
    sound = (9000 * np.sin(np.arange(PIECE_S * 48_000) * 0.05)).astype(np.int16)
    write_clip(piece, muxer="mp4", video=track, audio=AudioTrack("aac", 48_000, sound))
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as out:
        with av.open(str(piece)) as source:
            streams = {stream.type: out.add_stream_from_template(stream) for stream in source.streams}
        last = dict.fromkeys(streams, -(1 << 60))
        for turn in range(max(1, round(seconds / PIECE_S))):
            with av.open(str(piece)) as source:
                for packet in source.demux():
                    kind, ticks = packet.stream.type, round(turn * PIECE_S / packet.time_base)
                    if packet.dts is None or packet.dts + ticks <= last[kind]:  # sound of one turn ends in the next
                        continue
                    last[kind] = packet.dts + ticks
                    packet.pts, packet.dts, packet.stream = packet.pts + ticks, last[kind], streams[kind]
                    out.mux_one(packet)
    return path


def compare(server, url, video, share, options):
    """Cut clips that cover `share` percent, spread over the video, both ways."""
    seconds = options.minutes * 60
    n_clips = max(1, round(seconds * share / 100 / options.clip_s))
    step = seconds / n_clips
    middles = [(n + 0.5) * step for n in range(n_clips)]
    half = options.clip_s / 2
    spans = [(round(max(0.0, middle - half), 3), round(min(seconds, middle + half), 3)) for middle in middles]
    found = {True: [], False: []}
    for _ in range(options.rounds):
        for is_by_parts, costs in found.items():
            costs.append(cut(server, url, spans, is_by_parts))
    chosen = "parts" if plan_sections(spans, duration_s=seconds, n_bytes=video.stat().st_size) else "whole"
    is_same = len({cost.clips for costs in found.values() for cost in costs}) == 1
    told = " | ".join(_told(found[way]) for way in found)
    print(f"{share:4g}% {n_clips:5d} | {told} | {chosen} | {'yes' if is_same else 'NO'}", flush=True)


def _told(costs):
    middle = {
        name: statistics.median(asdict(cost)[name] for cost in costs) for name in ("n_bytes", "n_requests", "wall_s", "cpu_s")
    }
    return f"{middle['n_bytes'] / 1e6:8.1f} {middle['n_requests']:5.0f} {middle['wall_s']:7.1f} {middle['cpu_s']:6.1f}"


def cut(server, url, spans, is_by_parts):
    """One way, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        before, begin = os.times(), time.monotonic()
        subprocess.run([sys.executable, "-c", CUT, json.dumps([url, folder, is_by_parts, spans])], check=True)
        wall_s, after = time.monotonic() - begin, os.times()
        time.sleep(0.3)  # the server notes a connection when it has seen its end
        clips = [(Path(folder) / f"{number}.mp4").read_bytes() for number in range(len(spans))]
        server.stdin.write("\n")
        server.stdin.flush()
        n_bytes, n_requests = json.loads(server.stdout.readline())
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(n_bytes, n_requests, wall_s, cpu_s, hashlib.sha256(b"".join(clips)).hexdigest())


if __name__ == "__main__":
    main()
