"""The decode check on real clips: good ones, and one of every reason."""

import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from fractions import Fraction

import pytest
import xxhash
from faulty_mount import faulty_mount, why_no_mount
from media_factory import (
    FRAMES,
    HEIGHT,
    LATE_FRAMES,
    LATE_SOUND,
    RATE,
    WIDTH,
    damaged,
    flip_media,
    make_clip,
    make_late_sound,
    opens,
)

from video_assets.core.check_limits import CheckLimits
from video_assets.core.ffmpeg_messages import MAX_LINE_CHARS, MAX_LINES
from video_assets.core.schema import VERDICTS
from video_assets.media.decode import decode_clip

needs_mount = pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount())

CODECS = [
    ("libx264", "aac", "mp4", "h264"),
    ("libx264", "libmp3lame", "mov", "h264"),
    ("libx264", "aac", "mpegts", "h264"),
    ("libx265", "libopus", "matroska", "hevc"),
    ("libvpx", "", "webm", "libvpx"),
    ("libvpx-vp9", "libopus", "webm", "libvpx-vp9"),
    ("libsvtav1", "", "mp4", "libdav1d"),
    ("mpeg4", "libmp3lame", "avi", "mpeg4"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def whole(folder):
    return make_clip(folder / "whole.mp4", audio="aac")


def judged(path, **options):
    row = decode_clip(str(path), **options)
    return (row.verdict, row.reason)


@pytest.mark.parametrize(("video", "audio", "muxer", "decoder"), CODECS)
def test_a_whole_clip_is_good_and_measured_exactly(folder, video, audio, muxer, decoder):
    path = make_clip(folder / f"{video}.{muxer}", video=video, audio=audio, muxer=muxer)
    row = decode_clip(str(path))
    assert (row.verdict, row.reason, row.errors) == ("good", "", "")
    assert (row.num_frames, row.packet_frames, row.height, row.width) == (FRAMES, FRAMES, HEIGHT, WIDTH)
    assert row.fps == float(RATE)
    assert row.duration_s == pytest.approx(1.2, abs=0.1)
    assert row.video_codec in {decoder, decoder.removeprefix("lib").replace("vpx-", "").replace("vpx", "vp8")}
    assert row.pix_fmt == "yuv420p"
    assert row.rotation_deg == 0
    assert row.is_variable_rate is False
    assert row.is_count_consistent is (row.header_frames in {None, FRAMES})
    assert row.content_hash == xxhash.xxh3_128_hexdigest(path.read_bytes())
    assert row.file_size == path.stat().st_size
    assert row.mtime_ns == path.stat().st_mtime_ns
    assert row.decode_seconds > 0
    assert re.search(r"libavcodec \d+\.\d+", row.ffmpeg_versions)


def test_a_row_has_the_columns_of_the_table_and_goes_through_json(whole, tmp_path):
    for path in (whole, tmp_path / "missing.mp4", tmp_path):
        row = decode_clip(str(path))
        assert set(row.as_record) == set(VERDICTS.names) - {"clip_key", *CheckLimits.__annotations__}
        assert type(row).from_json(json.loads(json.dumps(row.as_record))) == row
        VERDICTS.frame([{"clip_key": "x", **row.as_record}])


def test_flipped_bytes_that_raise_no_exception_are_found_in_the_log(folder, whole):
    row = decode_clip(str(damaged(whole, folder / "flipped.mp4", flip_media)))
    assert row.verdict == "bad"
    assert row.reason in {"corrupt_video", "corrupt_audio"}
    assert row.errors
    assert " @ 0x" not in row.errors
    lines = row.errors.split("\n")
    assert len(lines) <= MAX_LINES
    assert max(map(len, lines)) <= MAX_LINE_CHARS


def test_a_clip_gets_the_same_answer_whatever_was_decoded_before(folder, whole):
    rng = random.Random(3)
    paths = [whole]
    paths += [
        damaged(whole, folder / f"m{number}.mp4", lambda data: data.__setitem__(rng.randrange(len(data)), 0x5A))
        for number in range(25)
    ]
    fields = ("verdict", "reason", "errors", "num_frames", "content_hash")
    first = {path: [getattr(decode_clip(str(path)), name) for name in fields] for path in paths}
    rng.shuffle(paths)
    assert {path: [getattr(decode_clip(str(path)), name) for name in fields] for path in paths} == first
    assert first[whole][0] == "good"


def test_a_cut_clip_is_truncated_with_the_index_in_front_or_at_the_end(folder, whole):
    last = make_clip(folder / "moov-last.mp4", faststart=False)
    for path in (whole, last):
        cut = damaged(path, folder / f"cut-{path.name}", lambda data: data.__delitem__(slice(len(data) * 2 // 3, None)))
        assert judged(cut) == ("bad", "truncated")


def test_a_matroska_clip_whose_second_half_is_missing_has_fewer_frames_or_is_truncated(folder):
    path = make_clip(folder / "long.mkv", muxer="matroska", n_frames=200)
    halves = {
        judged(damaged(path, folder / "half.mkv", lambda data, size=size: data.__delitem__(slice(size, None))))
        for size in range(path.stat().st_size // 2, path.stat().st_size // 2 + 2000, 97)
    }
    assert halves <= {("bad", "fewer_frames"), ("bad", "truncated"), ("bad", "corrupt_container"), ("bad", "corrupt_video")}


def test_text_pages_and_empty_files_have_reasons_of_their_own(folder):
    (folder / "page.mp4").write_text("<!DOCTYPE html><html><body>404</body></html>")
    (folder / "empty.mp4").touch()
    row = decode_clip(str(folder / "page.mp4"))
    assert (row.verdict, row.reason) == ("bad", "not_media")
    assert "Invalid data" in row.errors
    assert judged(folder / "empty.mp4") == ("bad", "empty_file")


def test_noise_is_an_unreadable_container(folder):
    (folder / "noise.mp4").write_bytes(random.Random(0).randbytes(10_000))
    assert judged(folder / "noise.mp4") == ("bad", "unreadable_container")


def test_what_is_not_a_file_is_bad_and_blocks_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert judged(tmp_path / "pipe.mp4") == ("bad", "not_a_file")
    assert judged(tmp_path) == ("bad", "not_a_file")


@pytest.mark.parametrize("name", ["gone.mp4", "x" * 300, "a\0b.mp4", "loop.mp4"])
def test_what_the_storage_does_not_deliver_is_unreadable_now(tmp_path, name):
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    row = decode_clip(str(tmp_path / name))
    assert (row.verdict, row.reason, row.content_hash) == ("unreadable_now", "", None)
    assert row.errors


@pytest.mark.parametrize(
    "name",
    [
        "http:x.mp4",
        "-i.mp4",
        "concat:a|b.mp4",
        "%03d.mp4",
        "*.mp4",
        "a\nb.mp4",
        "file:c.mp4",
        "subfile,,start,0,:d.mp4",
        "no suffix",
    ],
)
def test_names_that_look_like_urls_options_or_patterns_are_files(tmp_path, whole, name):
    (tmp_path / name).write_bytes(whole.read_bytes())
    assert judged(tmp_path / name) == ("good", "")


def test_a_name_that_is_not_utf8_is_a_file(tmp_path, whole):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    with open(path, "wb") as file:  # noqa: PTH123 - the very name is the point
        file.write(whole.read_bytes())
    assert judged(path) == ("good", "")
    os.unlink(path)  # noqa: PTH108
    row = decode_clip(path)
    assert "caf\\udce9" in row.errors
    row.errors.encode()


PLAYLISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
    "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
    "concat.mp4": "ffconcat version 1.0\nfile {url}\n",
    "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "session.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {port} RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("kind", ["file", "name", "http", "tcp"])
def test_playlists_open_no_other_file_and_no_socket(tmp_path, whole, name, kind):
    other = tmp_path / "other.mp4"
    other.write_bytes(whole.read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        url = {
            "file": f"file:{other}",
            "name": "other.mp4",
            "http": f"http://127.0.0.1:{port}/a.ts",
            "tcp": f"tcp://127.0.0.1:{port}",
        }[kind]
        (tmp_path / name).write_text(PLAYLISTS[name].format(url=url, port=port))
        with opens(other) as opened:
            assert judged(tmp_path / name) == ("bad", "playlist_or_reference")
        assert opened == []
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_track_whose_media_is_in_another_file_does_not_open_it(tmp_path, whole):
    other = tmp_path / "other.mp4"
    other.write_bytes(whole.read_bytes())

    def refer(data):
        at = data.index(b"url ") - 4
        location = f"file://{other}".encode() + b"\0"
        box = struct.pack(">I4sI", 12 + len(location), b"url ", 0) + location
        data[at : at + 12] = box

    path = damaged(whole, tmp_path / "referring.mov", refer)
    with opens(other) as opened:
        decode_clip(str(path))
    assert opened == []


def test_an_encrypted_track_without_its_key_is_encrypted_whatever_the_decoders_make_of_it(folder):
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00112233445566778899aabbccddeeff"}
    options = key | {"encryption_kid": "0123456789abcdef0123456789abcdef"}
    clip = make_clip(folder / "encrypted.mp4", audio="aac", muxer_options=options)
    assert judged(clip) == judged(clip, is_full_decode=True) == ("bad", "encrypted")


def test_sound_alone_is_no_video(folder):
    assert judged(make_clip(folder / "sound.mp4", video="", audio="aac")) == ("bad", "no_video")


def test_a_header_without_media_has_no_frames(folder, whole):
    def drop_media(data):
        at = data.index(b"mdat") - 4
        del data[at:]

    row = decode_clip(str(damaged(whole, folder / "init.mp4", drop_media)))
    assert row.verdict == "bad"
    assert row.reason in {"no_frames", "truncated"}
    assert row.num_frames == 0


def test_frames_closer_than_the_clip_s_rate_have_bad_timestamps(folder):
    ticks = [number * 40 for number in range(FRAMES)]
    ticks[20] = ticks[19] + 1
    path = make_clip(folder / "jumps.mkv", muxer="matroska", ticks=ticks, tick=Fraction(1, 1000))
    row = decode_clip(str(path))
    assert (row.verdict, row.reason) == ("bad", "timestamps")
    assert "non monotonically increasing dts" in row.errors
    assert row.num_frames == FRAMES


def test_a_variable_rate_is_reported_and_no_fault(folder):
    ticks = [number * 40 + (number // 10) * 80 for number in range(FRAMES)]
    row = decode_clip(str(make_clip(folder / "vfr.mkv", muxer="matroska", ticks=ticks, tick=Fraction(1, 1000))))
    assert row.verdict == "good"
    assert row.is_variable_rate is True


def test_rotation_is_reported_and_height_and_width_are_as_coded(folder):
    row = decode_clip(str(make_clip(folder / "rotated.mp4", rotation_deg=90)))
    assert (row.verdict, row.height, row.width) == ("good", HEIGHT, WIDTH)
    assert abs(row.rotation_deg) == 90


def test_a_clip_longer_than_the_limit_is_not_decoded(whole):
    row = decode_clip(str(whole), max_duration_s=1.0)
    assert (row.verdict, row.reason) == ("bad", "too_long")
    assert "limit of 1.000 s" in row.errors
    assert row.num_frames is None
    assert judged(whole, max_duration_s=10.0) == ("good", "")


def test_the_full_decode_says_the_same(folder, whole):
    paths = [
        whole,
        *(damaged(whole, folder / f"full{at}.mp4", lambda data, at=at: data.__setitem__(at, 0)) for at in range(3000, 9000, 700)),
    ]
    fields = ("verdict", "reason", "errors", "num_frames")
    for path in paths:
        lean, full = decode_clip(str(path)), decode_clip(str(path), is_full_decode=True)
        assert [getattr(lean, name) for name in fields] == [getattr(full, name) for name in fields]


def test_many_clips_leave_no_descriptor_and_no_memory_behind(tmp_path):
    # Asked is what is in use, not what the process holds: how much the allocator keeps is its own matter and differs by machine.
    script = """
import ctypes, gc, os, sys
from video_assets.media.decode import decode_clip
class Mallinfo(ctypes.Structure):
    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]
mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Mallinfo
def state():
    gc.collect()
    memory = mallinfo()
    return len(os.listdir("/proc/self/fd")), memory.uordblks + memory.hblkhd
states = []
for _ in range(3):
    for _ in range(30): [decode_clip(path) for path in sys.argv[1:]]
    states.append(state())
print(*(after - before for before, after in zip(states[1], states[2])))
"""
    small = make_clip(tmp_path / "small.mp4", audio="aac", n_frames=3, size=(32, 32))
    bad = damaged(small, tmp_path / "bad.mp4", flip_media)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(500))
    command = [sys.executable, "-c", script, str(small), str(bad), str(noise), str(tmp_path / "gone.mp4")]
    everything_in_one_heap = {"MALLOC_ARENA_MAX": "1", "PYTHONMALLOC": "malloc"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | everything_in_one_heap)
    n_descriptors, grown_bytes = map(int, done.stdout.split())
    assert n_descriptors == 0
    assert grown_bytes < 30 * 1024, "a frame of the smallest clip has 1.5 KiB; 60 clips were decoded that have frames"


def test_a_container_without_a_rate_gets_the_mean_rate_of_its_frames(tmp_path):
    row = decode_clip(str(make_clip(tmp_path / "clip.ivf", video="libvpx", muxer="ivf", rate=Fraction(24))))
    assert row.verdict == "good"
    assert row.fps == pytest.approx(24.0)


@needs_mount
def test_a_clip_that_is_renamed_over_while_it_is_decoded_gets_no_verdict(tmp_path):
    slow = make_clip(tmp_path / "slow" / "slow.mp4", n_frames=100, size=(320, 240))
    other = make_clip(tmp_path / "other.mp4", n_frames=1)
    with faulty_mount(slow.parent, tmp_path / "mount") as mount:
        clip = tmp_path / "clip.mp4"
        clip.symlink_to(mount.folder / slow.name)
        assert decode_clip(str(clip)).verdict == "good"
        mount.slow(0.3)  # so that there is time between two reads
        n_opened = mount.opens().total()  # counted here: the thread may begin after the clip is opened
        replacing = threading.Thread(target=rename_over_once_opened, args=(mount, n_opened, other, clip))
        replacing.start()
        row = decode_clip(str(clip))
        replacing.join()
    assert (row.verdict, row.errors) == ("unreadable_now", f"{clip}: replaced by another file while it was read")


def rename_over_once_opened(mount, n_opened, source, target):
    while mount.opens().total() == n_opened:
        time.sleep(0.001)
    source.rename(target)


@pytest.mark.parametrize("muxer", LATE_SOUND)
def test_a_stream_that_first_appears_in_mid_file_is_ignored(tmp_path, muxer):
    row = decode_clip(str(make_late_sound(tmp_path / "late", muxer)))
    assert (row.verdict, row.reason, row.errors, row.num_frames) == ("good", "", "", LATE_FRAMES)


@pytest.mark.parametrize("muxer", ["mpegts", "mpeg"])
def test_faults_inside_a_stream_that_appears_late_do_not_count(tmp_path, muxer):
    late = make_late_sound(tmp_path / "late", muxer)
    frame = re.compile(rb"(\xff\xfd[\xe0\xe2]\xc4).{40}", re.DOTALL)
    spoiled, n_spoiled = frame.subn(lambda match: match[1] + bytes(40), late.read_bytes())
    assert n_spoiled > 1
    late.write_bytes(spoiled)
    row = decode_clip(str(late))
    assert (row.verdict, row.errors, row.num_frames) == ("good", "", LATE_FRAMES)
