"""FFmpeg's messages and the reasons that they amount to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.ffmpeg_messages import (
    MAX_LINE_CHARS,
    MAX_LINES,
    Speakers,
    context_name,
    first_lines,
    reason_of_lines,
    reason_of_open_error,
    reason_of_text,
    strip_addresses,
)

SPEAKERS = Speakers(video=frozenset({"h264"}), audio=frozenset({"aac"}))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], ""),
        (["[h264 @ 0x55d0c8a0b1c0] error while decoding MB 10 12, bytestream 937"], "corrupt_video"),
        (["[aac @ 0x55d0c8a0b1c0] Reserved bit set."], "corrupt_audio"),
        (["[aac @ 0x1] Reserved bit set.", "[h264 @ 0x2] no frame!"], "corrupt_video"),
        (["[mov,mp4,m4a,3gp,3g2,mj2 @ 0x1] stream 0, offset 0x30: partial file", "[h264 @ 0x2] no frame!"], "truncated"),
        (["[matroska,webm @ 0x1] File ended prematurely at pos. 281 (0x119)"], "truncated"),
        (["[matroska,webm @ 0x1] 0x00 at pos 69 (0x45) invalid as first byte of an EBML number"], "corrupt_container"),
        (["[null] Application provided invalid, non monotonically increasing dts to muxer in stream 0: 7 >= 7"], "timestamps"),
        (["[file @ 0x1] Protocol 'file' not on whitelist 'none'!"], "playlist_or_reference"),
        (["[h264 @ 0x1] Picture size 65536x65536 is invalid"], "too_large"),
        (["[mov @ 0x1] hit EOF while reading sub-sample encryption info"], "encrypted"),
        (["[ac4 @ 0x1] no decoder found"], "unsupported_codec"),
        (["what a release of the future says"], "corrupt_container"),
    ],
)
def test_lines_of_ffmpeg_become_the_most_telling_reason(lines, reason):
    assert reason_of_lines(lines, SPEAKERS) == reason


def test_a_clip_that_fails_in_silence_gets_the_reason_it_is_given():
    assert reason_of_lines([], SPEAKERS, otherwise="no_frames") == "no_frames"


def test_a_container_that_cannot_be_opened_is_truncated_when_ffmpeg_says_so_and_unreadable_otherwise():
    assert reason_of_open_error(["[matroska,webm @ 0x1] File ended prematurely"]) == "truncated"
    assert reason_of_open_error(["Invalid data found when processing input"]) == "unreadable_container"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"<!DOCTYPE html><html><title>404 Not Found</title>", "not_media"),
        (b'{"error": "quota exceeded"}\n', "not_media"),
        ("Zugriff verweigert: Kontingent überschritten".encode(), "not_media"),
        (b"\xef\xbb\xbf<html>", "not_media"),
        ("ü".encode()[:1], ""),
        (b"#EXTM3U\n#EXTINF:10,\nother.ts\n", "playlist_or_reference"),
        (b'<?xml version="1.0"?>\n<MPD type="static">', "playlist_or_reference"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "playlist_or_reference"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "playlist_or_reference"),
        (b"\x00\x00\x00\x20ftypisom", ""),
        (b"\x1aE\xdf\xa3", ""),
        (b"", ""),
    ],
)
def test_text_that_was_saved_as_a_clip_is_told_from_playlists_and_from_media(head, reason):
    assert reason_of_text(head) == reason


def test_addresses_are_stripped_but_positions_in_the_file_stay():
    line = "[mov,mp4 @ 0x55d0c8a0b1c0] stream 0, offset 0x1c40: partial file\x1b[0m\r"
    assert strip_addresses(line) == "[mov,mp4] stream 0, offset 0x1c40: partial file"
    assert strip_addresses("[h264 @ (nil)] x") == "[h264] x"


def test_who_spoke_is_the_name_in_the_first_brackets():
    assert context_name("[matroska,webm @ 0x1] Element") == "matroska,webm"
    assert context_name("Conversion failed!") == ""


@given(st.lists(st.text()))
def test_first_lines_are_few_short_and_valid_utf8(lines):
    text = first_lines(lines)
    assert len(text.split("\n")) <= MAX_LINES
    assert all(len(line) <= MAX_LINE_CHARS for line in text.split("\n"))
    text.encode()


@pytest.mark.parametrize(
    ("lines", "is_late", "reason"),
    [
        (["[aac] Input buffer exhausted before END element found"], True, "last_audio_packet"),
        (["[aac] Input buffer exhausted before END element found"], False, "corrupt_audio"),
        (["[aac] Number of bands (31) exceeds limit (9).", "    Last message repeated 1 times"], True, "last_audio_packet"),
        (["[aac] Reserved bit set.", "[h264] error while decoding MB 3 4"], True, "corrupt_video"),
        (["[aac] Reserved bit set.", "[mpegts] Packet corrupt"], True, "corrupt_audio"),
        (["[aac] Reserved bit set.", "[mov] stream 1, offset 0x1: partial file"], True, "truncated"),
    ],
)
def test_a_broken_last_packet_of_sound_has_a_reason_when_it_is_all_that_is_complained_about(lines, is_late, reason):
    speakers = Speakers(video=frozenset({"h264"}), audio=frozenset({"aac"}))
    assert reason_of_lines(lines, speakers, is_late=is_late) == reason
