"""Which streams are chosen: as ffmpeg chooses, in every container. Each case was looked up in ffmpeg's own stream mapping."""

import pytest
from media_factory import HEIGHT, WIDTH, damaged, make_clip
from track_factory import make_tracks

from video_assets.media.choice import choose_streams
from video_assets.media.clip_file import ClipFile
from video_assets.media.container import open_container
from video_assets.media.decode import decode_clip
from video_assets.media.probe import probe_clip
from video_assets.media.thumbnails import thumbnail

SMALL, LARGE = (WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT)
CONTAINERS = {"matroska": "libx264", "nut": "libx264", "mpegts": "libx264", "mp4": "libx264", "mov": "libx264", "avi": "mpeg4"}


@pytest.mark.parametrize(("muxer", "encoder"), CONTAINERS.items())
def test_a_larger_default_track_without_packets_is_not_taken(tmp_path, muxer, encoder):
    path = make_tracks(tmp_path / "dead.bin", [(LARGE, True, None), (SMALL, False, 0)], muxer=muxer, video=encoder)
    decoded, probed = decode_clip(str(path)), probe_clip(str(path))
    assert (decoded.verdict, decoded.errors, decoded.num_frames, decoded.width) == ("good", "", 50, WIDTH)
    assert (probed.probe_status, probed.num_frames, probed.width) == ("ok", 50, WIDTH)
    assert thumbnail(str(path), width_px=64, height_px=64).width == 64


@pytest.mark.parametrize("muxer", ["matroska", "avi", "mpegts"])
def test_sound_of_more_channels_without_packets_is_not_taken(tmp_path, muxer):
    encoder = CONTAINERS[muxer]
    path = make_tracks(tmp_path / "dead.bin", [(SMALL, True, 0)], muxer=muxer, video=encoder, sound="dl")
    with ClipFile(str(path)) as file, open_container(file) as container:
        streams = choose_streams(container)
        assert (streams.video.index, streams.audio.index) == (0, 2)
        came = [packet.stream_index for packet in streams.packets(container)]
    assert came.count(0) == 50
    assert came.count(2) == 62
    assert len(came) == 112


def test_an_error_in_the_living_sound_beside_a_dead_track_is_found(tmp_path):
    path = make_tracks(tmp_path / "dead.mkv", [(SMALL, True, 0)], muxer="matroska", sound="dl")

    def break_sound(data):
        start = data.index(b"\x0b\x77", len(data) // 2)
        data[start + 8 : start + 60] = bytes(byte ^ 0xFF for byte in data[start + 8 : start + 60])

    row = decode_clip(str(damaged(path, tmp_path / "bad.mkv", break_sound)))
    assert (row.verdict, row.reason) == ("bad", "corrupt_audio")


@pytest.mark.parametrize(("first_s", "width", "frames"), [(8, WIDTH, 250), (1, 2 * WIDTH, 225)])
def test_a_larger_track_counts_when_it_begins_within_the_seconds_that_ffmpeg_looks_at(tmp_path, first_s, width, frames):
    path = make_tracks(tmp_path / "late.mkv", [(SMALL, False, 0), (LARGE, True, first_s)], muxer="matroska", n_seconds=10)
    for row in (decode_clip(str(path)), probe_clip(str(path))):
        assert (row.num_frames, row.width) == (frames, width)


def test_several_living_tracks_lose_no_packet_to_the_choice(tmp_path):
    path = make_tracks(tmp_path / "two.mkv", [(SMALL, True, 0), (LARGE, False, 0)], muxer="matroska", sound="ll")
    row = decode_clip(str(path))
    assert (row.verdict, row.num_frames, row.packet_frames, row.width) == ("good", 50, 50, WIDTH)


def test_a_video_track_without_packets_is_not_called_a_missing_stream(tmp_path):
    init = {"movflags": "empty_moov+frag_keyframe"}
    clip = make_clip(tmp_path / "clip.mp4", faststart=False, muxer_options=init)

    def keep_header(data):
        del data[data.index(b"moof") - 4 :]

    def unknown_codec(data):
        keep_header(data)
        at = data.index(b"avc1", data.index(b"stsd"))
        data[at : at + 4] = b"zzzz"

    for number, change in enumerate((keep_header, unknown_codec)):
        path = damaged(clip, tmp_path / f"{number}.mp4", change)
        row = decode_clip(str(path))
        assert (row.verdict, row.reason) == ("bad", "no_frames")
        assert "video stream 0 has no packets" in row.errors
        assert probe_clip(str(path)).probe_status == "no_frames"
