"""The probe: exact counts without decoding, cheap, and never fooled into memory."""

import json
import random
import resource
from pathlib import Path

import pytest
from media_factory import FRAMES, HEIGHT, LATE_FRAMES, LATE_SOUND, RATE, WIDTH, damaged, make_clip, make_late_sound

from video_assets.media.clip_file import ClipFile
from video_assets.media.decode import decode_clip
from video_assets.media.iso_boxes import has_whole_index, is_cut
from video_assets.media.making.encode import shift_packets
from video_assets.media.probe import probe_clip

KEYS = {
    "probe_status", "probe_detail", "num_frames", "height", "width", "fps", "duration_s", "video_codec", "pix_fmt",
    "rotation_deg", "header_frames", "packet_frames", "file_size", "mtime_ns",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def whole(folder):
    return make_clip(folder / "whole.mp4", audio="aac")


@pytest.mark.parametrize(
    ("video", "muxer"),
    [
        ("libx264", "mp4"),
        ("libx264", "mov"),
        ("libx264", "matroska"),
        ("libx264", "mpegts"),
        ("libvpx", "webm"),
        ("mpeg4", "avi"),
    ],
)
def test_the_probe_counts_what_the_decoder_shows(folder, video, muxer):
    path = str(make_clip(folder / f"{video}.{muxer}", video=video, muxer=muxer))
    probed, decoded = probe_clip(path), decode_clip(path)
    assert set(probed.as_record) == KEYS
    assert type(probed).from_json(json.loads(json.dumps(probed.as_record))) == probed
    assert (probed.probe_status, probed.probe_detail) == ("ok", "")
    assert (probed.num_frames, probed.height, probed.width, probed.fps) == (FRAMES, HEIGHT, WIDTH, float(RATE))
    for key in ("num_frames", "packet_frames", "header_frames", "fps", "duration_s", "video_codec", "file_size", "mtime_ns"):
        assert getattr(probed, key) == getattr(decoded, key), key


def test_frames_that_an_edit_list_hides_are_not_counted(folder):
    path = str(make_clip(folder / "edited.mp4", edit=shift_packets(-(RATE**-1) * 12)))
    probed = probe_clip(path)
    assert probed.header_frames == FRAMES
    assert 0 < probed.num_frames < FRAMES
    assert probed.num_frames == decode_clip(path).num_frames


def test_b_frames_are_counted(folder):
    path = str(make_clip(folder / "b.mp4", video_options={"g": "12", "bf": "3"}))
    assert probe_clip(path).num_frames == FRAMES


def test_a_cut_clip_is_counted_by_what_is_there(folder, whole):
    cut = damaged(whole, folder / "cut.mp4", lambda data: data.__delitem__(slice(len(data) // 2, None)))
    probed = probe_clip(str(cut))
    assert probed.probe_status == "ok"
    assert probed.header_frames == FRAMES
    assert 0 < probed.num_frames < FRAMES


def test_an_mp4_is_read_no_further_than_its_header(folder):
    path = make_clip(folder / "big.mp4", n_frames=200, size=(320, 240), video_options={"g": "10", "crf": "1"})
    assert path.stat().st_size > 3_000_000
    before = read_bytes()
    assert probe_clip(str(path)).num_frames == 200
    assert read_bytes() - before < 600_000


def read_bytes():
    """Bytes that this process ever asked the kernel for."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", "empty_file"),
        (b"<html>404</html>", "not_media"),
        (b"#EXTM3U\n#EXTINF:1,\nother.ts\n", "playlist_or_reference"),
        (random.Random(0).randbytes(5000), "unreadable_container"),
    ],
)
def test_what_cannot_be_read_has_a_reason_for_a_status(tmp_path, content, status):
    (tmp_path / "clip.mp4").write_bytes(content)
    assert probe_clip(str(tmp_path / "clip.mp4")).probe_status == status


def test_sound_alone_folders_and_missing_files_have_a_status(folder):
    assert probe_clip(str(make_clip(folder / "sound.mp4", video="", audio="aac"))).probe_status == "no_video"
    assert probe_clip(str(folder)).probe_status == "not_a_file"
    missing = probe_clip(str(folder / "gone.mp4"))
    assert missing.probe_status == "unreadable_now"
    assert "ENOENT" in missing.probe_detail


def test_a_header_that_claims_enormous_pictures_and_counts_takes_no_memory(folder, whole):
    def lie(data):
        at = data.index(b"avc1") + 28
        data[at : at + 4] = b"\xff\xff\xff\xff"
        sizes = data.index(b"stsz") + 12
        data[sizes : sizes + 4] = (2**31 - 1).to_bytes(4, "big")

    liar = damaged(whole, folder / "liar.mp4", lie)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    probe_clip(str(liar))
    assert decode_clip(str(liar)).verdict != "good"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_only_a_file_that_its_boxes_fill_has_a_whole_index(folder, whole):
    data = whole.read_bytes()

    def ask(function, name, content):
        path = folder / name
        path.write_bytes(content)
        with ClipFile(str(path)) as file:
            return function(file.peek, file.size)

    assert ask(has_whole_index, "a.mp4", data)
    assert not ask(has_whole_index, "b.mp4", data[:-100])
    assert ask(is_cut, "c.mp4", data[:-100])
    assert not ask(is_cut, "d.mp4", data)
    assert not ask(has_whole_index, "e.mp4", data + b"\0\0\0\x08moof")
    assert not ask(has_whole_index, "f.mp4", data.replace(b"moov", b"free", 1))
    assert not ask(has_whole_index, "g.mp4", random.Random(1).randbytes(1000))
    assert not ask(is_cut, "h.mp4", random.Random(1).randbytes(1000))


@pytest.mark.parametrize("muxer", LATE_SOUND)
def test_a_stream_that_first_appears_in_mid_file_is_ignored(tmp_path, muxer):
    probed = probe_clip(str(make_late_sound(tmp_path / "late", muxer)))
    assert (probed.probe_status, probed.probe_detail, probed.num_frames) == ("ok", "", LATE_FRAMES)
