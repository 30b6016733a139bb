"""Clips cut straight out of the web: only the parts that are needed cross the wire."""

import json

import pytest
from mira_tables import QUICK, make_video
from web_server import serving

from video_assets.media.cutting.place import Place
from video_assets.media.decode import decode_clip
from video_assets.settings.sources import MiraData
from video_assets.sources.miradata.cut_request import ClipPlace, CutAnswer, CutRequest, SourceFile
from video_assets.sources.miradata.cut_task import work


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A video of 4 MB: pictures that compress badly."""
    options = {"g": "50", "bf": "2", "qp": "4"}
    return make_video(tmp_path_factory.mktemp("video") / "v.mp4", seconds=40, size=(192, 128), sound=True, video_options=options)


def cut(web, video, folder, clips):
    url = web.put("/v.mp4", video)
    files = {"video": SourceFile(url=url, headers={"X-Token": "7"}, n_bytes=video.stat().st_size)}
    places = [ClipPlace(str(folder / f"{start}.mp4"), Place(start, end)) for start, end in clips]
    request = CutRequest(files, places, "copy", MiraData(**QUICK).model_dump(mode="json"), str(folder))
    return CutAnswer.from_json(json.loads(json.dumps(work(**json.loads(json.dumps(request.as_json()))))))


def test_only_the_needed_parts_cross_the_wire(tmp_path, video):
    with serving() as web:
        answer = cut(web, video, tmp_path, [(10, 12), (11, 13)])
        assert answer.fault is None
        assert [result.n_frames for result in answer.results] == [50, 50]
        assert answer.n_bytes < video.stat().st_size / 2
        assert decode_clip(str(tmp_path / "10.mp4")).verdict == "good"
        assert all(asked.range for asked in web.log)


def test_a_connection_that_breaks_is_taken_up_again(tmp_path, video):
    with serving() as web:
        for _ in range(3):
            web.fail("/v.mp4", cut_after=300_000)
        assert cut(web, video, tmp_path, [(10, 12)]).results[0].n_frames == 50


@pytest.mark.parametrize(("status", "reason"), [(403, "forbidden"), (404, "not_found"), (429, "rate_limited")])
def test_what_the_server_refuses_is_the_videos_fault_not_the_clips(tmp_path, video, status, reason):
    with serving() as web:
        web.fail("/v.mp4", status=status, times=99)
        answer = cut(web, video, tmp_path, [(10, 12)])
        assert not answer.results
        assert (answer.fault.reason, answer.fault.http_status) == (reason, status)


def test_a_server_that_ignores_ranges_is_not_believed(tmp_path, video):
    with serving() as web:
        web.has_ranges = False
        assert cut(web, video, tmp_path, [(10, 12)]).results == []
