"""libav's log of one clip."""

import os
import sys
from contextlib import suppress

import av.logging

from video_assets.media.libav_log import libav_log


def test_lines_belong_to_the_block_they_were_written_in():
    log = libav_log()
    with log.capture():
        av.logging.log(av.logging.ERROR, "one", "first\n")
        av.logging.log(av.logging.WARNING, "one", "a warning is no error\n")
    assert [line.split("] ")[1] for line in log.lines()] == ["first"]
    with log.capture():
        pass
    assert log.lines() == []


def test_the_same_line_twice_is_not_hidden():
    log = libav_log()
    for _ in range(2):
        with log.capture():
            av.logging.log(av.logging.ERROR, "one", "the same\n")
        assert len(log.lines()) == 1


def test_a_flood_of_lines_is_cut_and_takes_no_memory():
    log = libav_log()
    with log.capture(), suppress(PermissionError):
        for _ in range(20_000):
            os.write(2, b"x" * 99 + b"\n")
    assert 2600 < len(log.lines()) <= 2622


def test_bytes_that_are_no_text_become_text():
    log = libav_log()
    with log.capture():
        os.write(2, b"caf\xe9\n")
    assert log.lines() == ["caf\\xe9"]


def test_stderr_is_given_back(capfd):
    with libav_log().capture():
        pass
    sys.stderr.write("hello")
    assert "hello" in capfd.readouterr().err
