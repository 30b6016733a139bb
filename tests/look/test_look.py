"""The page as a server: what it counts, finds, serves and refuses, on data roots in every state."""

import csv
import io
import shutil
from collections import Counter
from pathlib import Path

import pytest
from command_line import command
from data_roots import Clip, fill
from look_server import LookServer, look_server
from prepared_shards import prepare

from video_assets.publish.manifest import read_published
from video_assets.publish.publish import publish
from video_assets.samples.demo.make import Sample
from video_assets.settings import Settings
from video_assets.storage.layout import Layout

HOSTILE = '<script>document.title="owned"</script>\n\u202egnp.evil" onload="x\u0007' + "x" * 10_000
CLIPS = [
    Clip("a/red.mp4", text="A red car", num_frames=30, file_size=1000),
    Clip("a/blue.mp4", text="a blue CAR and a dog", num_frames=300, file_size=5000),
    Clip("a/'; DROP TABLE clips; --.mp4", text=HOSTILE, num_frames=60),
    Clip("b/empty.mp4", text=" "),
    Clip("b/broken.mp4", verdict="bad", verdict_reason="corrupt_video", errors="[h264] error while decoding MB 3 4"),
    Clip("b/gone.mp4", status="failed", reason="missing_file", detail="no such file"),
    Clip("b/copying.mp4", status="waiting", reason="still_being_copied"),
]
ALL = {"kept": 3, "dropped": 3, "waiting": 1}


def rooted(root: Path, clips: list[Clip], *, upto: str = "decode_check") -> tuple[Layout, Settings]:
    """A data root whose settings lie in it, for programs."""
    (root / "video_assets.toml").write_text('[own_clips]\nfolder = "/clips"\n[decode]\nn_shards = 2\nworkers = 1\n')
    return fill(root, sorted(clips, key=lambda clip: clip.key), upto=upto)


def statuses(page: LookServer, **query: str) -> Counter:
    return Counter(clip["status"] for clip in page.get("/api/clips", query).json["clips"])


def names(page: LookServer, **query: str) -> list[str]:
    return [clip["clip_key"].removeprefix("own_clips/") for clip in page.get("/api/clips", query).json["clips"]]


def ready(page: LookServer) -> dict:
    return page.when(lambda state: state["tables"] is not None and not state["why_no_words"])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("look")
    publish(*rooted(root, CLIPS))
    with look_server(root) as server:
        ready(server)
        yield server


def test_every_clip_ever_listed_has_one_status_with_stage_and_reason(page):
    tables = page.get("/api/state").json["tables"]
    found = {(cell["status"], cell["stage"], cell["reason"]): cell["clips"] for cell in tables["cells"]}
    assert found == {
        ("kept", "training_csv", ""): 3,
        ("waiting", "own_clips", "still_being_copied"): 1,
        ("dropped", "own_clips", "missing_file"): 1,
        ("dropped", "enriched_metadata", "empty_caption"): 1,
        ("dropped", "decode_check", "corrupt_video"): 1,
    }
    assert [cell["stage"] for cell in tables["cells"]][-1] == "training_csv"
    assert "decoder reported errors" in tables["meanings"]["corrupt_video"]


def test_filters_words_ranges_and_order(page):
    assert statuses(page) == ALL
    assert names(page, reason="corrupt_video") == ["b/broken.mp4"]
    assert names(page, words="car") == ["a/blue.mp4", "a/red.mp4"]
    assert names(page, words="car DOG") == ["a/blue.mp4"]
    assert names(page, words="100%_") == []
    assert names(page, key="red") == ["a/red.mp4"]
    assert names(page, num_frames="100..") == ["a/blue.mp4"]
    assert names(page, num_frames="..40") == ["a/red.mp4"]
    assert names(page, sort="-num_frames", status="kept")[0] == "a/blue.mp4"
    assert names(page, offset="2", limit="2") == names(page)[2:4]


def test_a_seed_gives_the_same_random_order_and_another_another(page):
    orders = {tuple(names(page, seed=str(seed))) for seed in range(8)}
    assert len(orders) > 1
    assert names(page, seed="5") == names(page, seed="5")
    assert all(sorted(order) == sorted(names(page)) for order in orders)


def test_facets_count_what_fits_and_leave_the_other_reasons_in_sight(page):
    facts = page.get("/api/facets", {"reason": "corrupt_video"}).json
    assert facts["total"] == 1
    assert sum(facts["cells"].values()) == len(CLIPS)
    assert sum(facts["histograms"]["num_frames"]) == 1
    again = [page.get("/api/facets", {"words": "car"}).json["total"] for _ in range(2)]
    assert again == [2, 2]


@pytest.mark.parametrize("query", ["duration_s=1", "num_frames=a..b", "sort=text", "offset=-1", "limit=x", "seed=1;drop"])
def test_an_address_that_means_nothing_is_refused_in_words(page, query):
    answer = page.get(f"/api/clips?{query}")
    assert answer.status == 400
    assert query.split("=")[0] in answer.json["error"]


def test_one_clip_is_told_whole_with_the_words_of_each_stage(page):
    clip = page.get("/api/clip", {"clip": "own_clips/b/broken.mp4"}).json
    assert [step["fate"] for step in clip["steps"]][-1] == "dropped"
    assert "error while decoding MB 3 4" in clip["steps"][-1]["detail"]
    assert {each["clip_key"] for each in clip["neighbours"]} == {
        f"own_clips/b/{name}.mp4" for name in ("copying", "empty", "gone")
    }


def test_hostile_names_and_captions_come_as_they_are_and_as_data_only(page):
    key = "own_clips/a/'; DROP TABLE clips; --.mp4"
    answer = page.get("/api/clip", {"clip": key})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["text"] == HOSTILE
    listed = page.get("/api/list.csv", {"key": "DROP"}).body.decode()
    assert [row["clip_key"] for row in csv.DictReader(io.StringIO(listed))] == [key]
    assert statuses(page) == ALL


@pytest.mark.parametrize(
    "path",
    [
        "/media?clip=/etc/passwd",
        "/media?clip=../../etc/passwd",
        "/media?path=/etc/passwd",
        "/media?clip=own_clips/b/gone.mp4",
        "/thumbnail?clip=own_clips/../../etc/passwd",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
    ],
)
def test_nothing_is_served_by_path(page, path):
    answer = page.get(path)
    assert answer.status == 404
    assert b"root:" not in answer.body
    assert b"import" not in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "10.0.0.7", "", "[::1"])
def test_a_foreign_host_is_refused(page, host):
    assert page.get("/api/state", Host=host).status == 421


def test_other_sites_may_link_but_not_ask(page):
    for site in ("cross-site", "same-site"):
        assert page.get("/api/clips", Sec_Fetch_Site=site, Sec_Fetch_Mode="cors").status == 403
        assert page.get("/media", {"clip": "own_clips/a/red.mp4"}, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors").status == 403
        assert page.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 200


def test_every_answer_has_the_strict_headers(page):
    for path in ("/", "/static/app.js", "/api/state", "/nowhere", "/media?clip=x"):
        headers = page.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    front = page.get("/").body.decode()
    assert "http" not in front.replace("http-equiv", "")  # nothing from elsewhere


def test_nothing_is_written_without_edit(page):
    answer = page.post("/api/exclude", {"keys": ["own_clips/a/red.mp4"], "why": "x"})
    assert answer.status == 403
    assert "--edit" in answer.json["error"]


def test_a_port_for_others_opens_with_the_token_only(tmp_path):
    publish(*rooted(tmp_path, CLIPS[:2]))
    with look_server(tmp_path, "--host", "0.0.0.0", "--token", "open-sesame-of-24-letters") as page:  # noqa: S104
        assert page.url.endswith("?token=open-sesame-of-24-letters")
        assert page.get("/healthz").status == 200
        assert page.get("/").status == page.get("/api/state").status == page.get("/?token=wrong").status == 401
        opened = page.get("/?token=open-sesame-of-24-letters&status=kept")
        assert (opened.status, opened.headers["location"]) == (303, "/?status=kept")
        cookie = opened.headers["set-cookie"]
        assert "httponly" in cookie.lower()
        assert page.get("/api/state", Cookie=cookie.split(";")[0]).status == 200


@pytest.mark.parametrize("upto", ["own_clips", "enriched_metadata", "size_filtered", "shard_lists", "decode_check"])
def test_a_data_root_that_is_half_done_shows_what_is_there(tmp_path, upto):
    rooted(tmp_path, CLIPS, upto=upto)
    with look_server(tmp_path) as page:
        assert ready(page)["tables"]["clips"] == len(CLIPS)
        found = statuses(page)
        assert found["pending"] >= 3
        assert found["kept"] == 0
        for clip in page.get("/api/clips").json["clips"]:
            assert page.get("/api/clip", {"clip": clip["clip_key"]}).status == 200


def test_an_empty_data_root_says_so_and_fills_while_one_looks(tmp_path):
    with look_server(tmp_path) as page:
        assert page.when(lambda state: not state["is_reading"])["tables"] is None
        assert page.get("/api/clips").status == 503
        publish(*rooted(tmp_path, CLIPS))
        assert ready(page)["tables"]["clips"] == len(CLIPS)


def test_a_torn_table_is_named_and_the_last_good_state_stays(tmp_path):
    layout, settings = rooted(tmp_path, CLIPS)
    publish(layout, settings)
    with look_server(tmp_path) as page:
        ready(page)
        whole = layout.enriched_metadata.read_bytes()
        layout.enriched_metadata.write_bytes(whole[: len(whole) // 2])
        assert "enriched_metadata" in page.when(lambda state: state["trouble"])["trouble"]
        assert statuses(page) == ALL
        layout.enriched_metadata.write_bytes(whole)
        page.when(lambda state: not state["trouble"])


@pytest.mark.parametrize("is_mount_point_left", [False, True])
def test_storage_that_goes_away_is_said_and_the_last_state_stays_until_it_is_back(tmp_path, is_mount_point_left):
    root, away = tmp_path / "data", tmp_path / "away"
    root.mkdir()
    publish(*rooted(root, CLIPS))
    with look_server(root) as page:
        ready(page)
        root.rename(away)
        if is_mount_point_left:
            root.mkdir()
        assert "is the storage mounted?" in page.when(lambda state: state["trouble"])["trouble"]
        assert statuses(page) == ALL
        clip = page.get("/api/clip", {"clip": "own_clips/b/broken.mp4"})
        assert (clip.status, clip.json["reason"]) == (200, "corrupt_video")
        assert page.get("/media", {"clip": "own_clips/a/red.mp4"}).status == 404
        if is_mount_point_left:
            root.rmdir()
        away.rename(root)
        page.when(lambda state: not state["trouble"])
        assert statuses(page) == ALL


def test_an_exclusion_list_that_cannot_be_read_is_named_and_clips_are_shown_all_the_same(tmp_path):
    layout, settings = rooted(tmp_path, CLIPS)
    publish(layout, settings)
    layout.exclusions.write_text("clip,why\na,b\n")
    with look_server(tmp_path, "--edit") as page:
        assert "exclude.csv" in ready(page)["exclusion_trouble"]
        assert statuses(page) == ALL
        refused = page.post("/api/exclude", {"keys": ["own_clips/a/red.mp4"]})
        assert (refused.status, layout.exclusions.read_text()) == (409, "clip,why\na,b\n")


def test_a_mistyped_data_root_is_said(tmp_path):
    done = command("look", "--data-root", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "is not there" in done.stderr


@pytest.fixture(scope="module")
def sample_page(sample: Sample, tmp_path_factory):
    """Real clips, good and broken."""
    base = tmp_path_factory.mktemp("media")
    clips = [
        sample.clips / name
        for name in ("bouncing-ball.mp4", "old-clock.avi", "broken/bad-disk.mp4", "broken/empty.mp4")
        if (sample.clips / name).exists()
    ]
    layout = prepare(base, clips)
    with look_server(layout.root) as server:
        ready(server)
        yield server, layout


def test_clips_are_served_in_ranges_and_pictures_are_kept(sample_page):
    page, layout = sample_page
    clip = page.get("/api/clips").json["clips"][0]
    part = page.get("/media", {"clip": clip["clip_key"]}, Range="bytes=10-19")
    assert (part.status, len(part.body)) == (206, 10)
    assert part.headers["content-range"] == f"bytes 10-19/{clip['file_size']}"
    assert page.get("/media", {"clip": clip["clip_key"]}, Range="bytes=999999999-").status == 416
    pictures = [page.get("/thumbnail", {"clip": each["clip_key"]}) for each in page.get("/api/clips").json["clips"]]
    jpegs = [picture for picture in pictures if picture.status == 200]
    assert len(jpegs) >= 2
    assert all(picture.body.startswith(b"\xff\xd8") for picture in jpegs)
    assert all(picture.json["error"] for picture in pictures if picture.status != 200)
    assert len(list(layout.thumbnails.glob("*/*.jpg"))) == len(jpegs)


def test_a_file_that_was_replaced_is_not_served(sample_page, tmp_path):
    page, _ = sample_page
    key = page.get("/api/clips").json["clips"][-1]["clip_key"]
    path = Path(page.get("/api/clip", {"clip": key}).json["path"])
    secret = tmp_path / "secret"
    secret.write_text("not a clip")
    shutil.move(path, tmp_path / "aside")
    path.symlink_to(secret)
    try:
        answer = page.get("/media", {"clip": key})
        assert answer.status == 404
        assert "replaced" in answer.json["error"]
    finally:
        path.unlink()
        shutil.move(tmp_path / "aside", path)


def test_excluded_by_the_page_dropped_by_the_next_publication_and_put_back(tmp_path):
    layout, settings = rooted(tmp_path, CLIPS)
    publish(layout, settings)
    key = "own_clips/a/red.mp4"
    with look_server(tmp_path, "--edit") as page:
        ready(page)
        refused = [
            page.post("/api/exclude", {"keys": [key]}, Origin=origin)
            for origin in ("http://evil.example", "null", f"http://127.0.0.1:{page.port + 1}")
        ]
        refused.append(page.post("/api/exclude", {"keys": [key]}, Content_Type="text/plain"))
        assert [answer.status for answer in refused] == [403] * 4
        assert page.post("/api/exclude", {"keys": ["own_clips/nobody.mp4"]}).status == 400
        assert not layout.exclusions.exists()
        assert page.post("/api/exclude", {"keys": [key], "why": 'a "watermark", says Ada\n'}).json == {"excluded": 1}
        with layout.exclusions.open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["clip_key"], row["why"]) == (key, 'a "watermark", says Ada')
        publish(layout, settings)
        page.when(lambda state: any(cell["reason"] == "excluded" for cell in state["tables"]["cells"]))
        assert names(page, reason="excluded") == ["a/red.mp4"]
        assert page.post("/api/exclude", {"keys": [key], "is_excluded": False}).json == {"excluded": 0}
    assert read_published(layout, settings).dropped["training_csv"] == {"excluded": 1}
    assert publish(layout, settings).n_kept == 3
