"""What we rely on in PyAV and the FFmpeg libraries that it carries; a new release that changes it fails here first."""

import subprocess
import sys

import av
import av.error
import av.logging
import pytest
from media_factory import FRAMES, LATE_FRAMES, LATE_SOUND, damaged, flip_media, make_clip, make_late_sound


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", audio="aac")


def test_pyav_asks_for_made_up_time_stamps_which_ffmpeg_does_not(clip):
    with av.open(str(clip)) as container:
        assert container.flags & av.container.Flags.gen_pts.value
        container.flags &= ~av.container.Flags.gen_pts.value
        assert not container.flags & av.container.Flags.gen_pts.value


def test_exceptions_alone_miss_what_the_log_says(clip, tmp_path):
    broken = damaged(clip, tmp_path / "broken.mp4", flip_media)
    script = """
import sys, av, av.logging
av.logging.restore_default_callback()
av.logging.set_libav_level(av.logging.ERROR)
with av.open(sys.argv[1]) as container:
    print(sum(1 for frame in container.decode(video=0)))
"""
    done = subprocess.run([sys.executable, "-c", script, str(broken)], capture_output=True, text=True)
    assert done.returncode == 0, "it raised: choose other damage"
    assert int(done.stdout) == FRAMES
    assert "[h264 @ 0x" in done.stderr


def test_an_empty_whitelist_of_protocols_refuses_every_file_and_address(tmp_path, clip):
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    with playlist.open("rb") as file, pytest.raises(av.error.FFmpegError):
        av.open(file, container_options={"protocol_whitelist": "none"})
    with pytest.raises(av.error.FFmpegError):
        av.open(str(clip), container_options={"protocol_whitelist": "none"})


def test_the_index_of_an_mp4_is_there_without_reading_packets(clip):
    with av.open(str(clip), container_options={"probesize": "32"}, options={"skip_frame": "all"}) as container:
        video = container.streams.video[0]
        assert len(video.index_entries) == video.frames == FRAMES
        assert video.average_rate == 25
        assert (video.codec_context.width, video.codec_context.height) == (96, 64)


def test_a_read_error_of_the_file_object_is_not_an_end_of_file(clip):
    class Failing:
        name = "clip.mp4"

        def __init__(self):
            self.data = clip.read_bytes()
            self.position = 0

        def read(self, n):
            if self.position > 20_000:
                raise OSError(5, "Input/output error")
            block = self.data[self.position : self.position + min(n, 4096)]
            self.position += len(block)
            return block

        def seek(self, offset, whence=0):
            self.position = {0: 0, 1: self.position, 2: len(self.data)}[whence] + offset
            return self.position

        def tell(self):
            return self.position

    def read_all():
        with av.open(Failing()) as container:
            for _ in container.demux():
                pass

    with pytest.raises(OSError, match="Input/output error"):
        read_all()


def test_one_thread_can_be_had_and_options_reach_the_decoder(clip):
    with av.open(str(clip)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"skip_loop_filter": "all"}
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
        assert context.thread_count == 1
        assert "skip_loop_filter" not in context.options, "options that the decoder did not take stay behind"


def test_memory_errors_of_libav_are_both_kinds_of_error():
    assert issubclass(av.error.MemoryError, MemoryError)
    assert issubclass(av.error.MemoryError, av.error.FFmpegError)


@pytest.mark.parametrize("muxer", LATE_SOUND)
def test_a_stream_that_appears_late_is_not_seen_and_the_first_flush_packet_comes_before_the_unsafe_ones(tmp_path, muxer):
    """Its loop over flush packets counts streams that its array has no place for; asked for one more packet it reads past it."""
    with av.open(str(make_late_sound(tmp_path / "late", muxer))) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        container.flags &= ~av.container.Flags.gen_pts.value
        n_packets = 0
        for packet in container.demux(container.streams.video[0]):
            if not packet.buffer_ptr:
                break
            n_packets += packet.size > 0
        assert (n_packets, len(container.streams)) == (LATE_FRAMES, 1)
        assert not any(packet.buffer_ptr for packet in first_of(container.demux())), "the end stays the end"


def first_of(packets):
    """The first packet alone, and nothing asked for after it."""
    return [next(packets)]


def test_only_flush_packets_have_no_buffer(tmp_path):
    """Packets that libav reads have one, also empty ones."""
    path = damaged(make_clip(tmp_path / "clip.mp4", video="mpeg4"), tmp_path / "empty.mp4", empty_last_sample)
    with av.open(str(path)) as container:
        packets = [(packet.size > 0, packet.buffer_ptr != 0) for packet in container.demux()]
    assert packets == [(True, True)] * (FRAMES - 1) + [(False, True), (False, False)]


def empty_last_sample(data):
    entry = data.index(b"stsz") + 16 + 4 * (FRAMES - 1)
    data[entry : entry + 4] = bytes(4)
