"""The page to look at the clips in a real browser: filter, play, mark, exclude, undo; hostile texts; phone and keyboard.

Screenshots go to $SCREENSHOTS, if that is set.
"""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit
from command_line import command
from look_server import LookServer, look_server
from playwright.sync_api import Browser, Page, Route, expect
from real_browser import CHROMIUM, PATIENCE_MS, browser, page_in, shoot

from video_assets.samples.demo.make import SAMPLE_MAX_FILE_SIZE_MIB, Sample

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\nsecond line \u202egnp " + "x" * 10_000
)
NAME = "<img src=x onerror=alert(1)>\u202egnp\nsecond.mp4"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow(120),
    pytest.mark.timeout(3600),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def data_root(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven clips through all stages, one of them with a caption and a name that want to be more than text."""
    base = tmp_path_factory.mktemp("look")
    clips, root = base / "clips", base / "data"
    clips.mkdir()
    root.mkdir()
    names = ["aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "moonlight.mp4", "old-clock.avi", "broken/bad-disk.mp4"]
    for name in names:
        shutil.copy2(sample.clips / name, clips / Path(name).name)
    shutil.copy2(sample.clips / "city-at-night.mp4", clips / NAME)
    with (base / "captions.csv").open("w", newline="") as file:
        rows = [[path.name, HOSTILE if "<" in path.name else f"what {path.stem} shows"] for path in sorted(clips.iterdir())]
        csv.writer(file).writerows([["path", "text"], *rows])
    settings = {
        "own_clips": {"folder": str(clips), "captions": str(base / "captions.csv"), "settle_s": 0},
        "filter": {"max_file_size_mib": SAMPLE_MAX_FILE_SIZE_MIB},
        "decode": {"n_shards": 1, "workers": 2},
    }
    (root / "video_assets.toml").write_text(tomlkit.dumps(settings))
    run(root)
    return root


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def server(data_root: Path) -> Iterator[LookServer]:
    """The page of the seven clips, for looking only."""
    with look_server(data_root) as started:
        yield started


def run(root: Path) -> None:
    done = command("run", "--data-root", root)
    assert done.returncode == 0, done.stderr


def go(page: Page, server: LookServer, address: str = "") -> None:
    page.goto(server.url + address, wait_until="domcontentloaded", timeout=PATIENCE_MS)
    expect(page.locator("#clips[aria-busy=false]")).to_be_visible()


def close_clip(page: Page) -> None:
    """Closing goes back in the history, which takes its time."""
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("clip="))


def csv_names(root: Path) -> list[str]:
    with (root / "training" / "training.csv").open(newline="") as file:
        return sorted(Path(row["path"]).name for row in csv.DictReader(file))


def test_filter_play_mark_exclude_run_and_undo(chrome: Browser, data_root: Path) -> None:
    before = csv_names(data_root)
    assert "mountains.mp4" in before
    with look_server(data_root, "--edit") as server, page_in(chrome) as page:
        go(page, server)
        expect(page.locator("#count")).to_have_text("7 clips")
        expect(page.locator(".card img.there").first).to_be_visible()
        shoot(page, "look-grid")
        filter_by_click_and_word(page)
        play(page)
        mark_and_exclude(page)
        run(data_root)
        assert csv_names(data_root) == [name for name in before if name != "mountains.mp4"]
        go(page, server, "?reason=excluded")
        expect(page.locator(".card")).to_have_count(1)
        page.locator(".card").click()
        expect(page.locator(".way")).to_contain_text("watermark, says Ada")
        page.get_by_role("button", name="Put back").click()
        page.locator("#dialog").get_by_role("button", name="Put back").click()
        expect(page.locator("#toast")).to_contain_text("Put back")
    run(data_root)
    assert csv_names(data_root) == before


def filter_by_click_and_word(page: Page) -> None:
    page.locator("#filters").get_by_role("button", name="corrupt_video").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#count")).to_contain_text("1 of 7")
    assert "reason=corrupt_video" in page.url
    shoot(page, "look-reason")
    page.locator(".card").click()
    expect(page.locator(".way")).to_contain_text("[h264]")
    shoot(page, "look-broken")
    close_clip(page)
    page.go_back()
    expect(page.locator(".card")).to_have_count(7)
    page.keyboard.press("/")
    page.keyboard.type("mountains")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card .caption")).to_have_text("what mountains shows")
    page.locator("#words").fill("")
    expect(page.locator(".card")).to_have_count(7)
    page.locator("[data-axis=num_frames] g .hit").last.click()
    expect(page.locator("#count")).not_to_have_text("7 clips")
    page.locator(".chip").first.click()
    expect(page.locator("#count")).to_have_text("7 clips")


def play(page: Page) -> None:
    page.locator(".card", has_text="what bouncing-ball shows").click()
    video = page.locator("#viewer video")
    expect(video).to_be_visible()
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('#viewer video').currentTime > 0.1")
    shoot(page, "look-clip")
    step_through_frames(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer h2")).not_to_have_text("own_clips/bouncing-ball.mp4")
    close_clip(page)
    # Of the first, this browser may play the sound alone: HEVC.
    for name, told in (("aquarium", "does not play hevc"), ("old-clock", "does not play mpeg4")):
        page.locator(".card", has_text=f"what {name} shows").click()
        expect(page.locator(".no-play")).to_contain_text(told)
        expect(page.locator(".stage img")).to_be_visible()
        expect(page.locator(".stage video")).to_have_count(0)
        shoot(page, f"look-no-play-{name}")
        close_clip(page)


def step_through_frames(page: Page) -> None:
    """Each press is one frame, at both ends too; the clip has 30 of them a second."""

    def see(frame: int) -> None:
        is_there = "v.paused && !v.seeking && Math.floor(v.currentTime * 30)"
        page.wait_for_function(
            f"frame => {{ const v = document.querySelector('#viewer video'); return {is_there} === frame; }}", arg=frame
        )
        expect(page.locator(".frames .num")).to_have_text(f"{(frame + 0.5) / 30:.2f} s")

    expect(page.locator(".frames")).to_be_hidden()
    page.keyboard.press(".")
    expect(page.locator(".frames")).to_be_visible()
    page.evaluate("document.querySelector('#viewer video').currentTime = 20.5 / 30")
    see(20)
    page.keyboard.press(".")
    see(21)
    page.get_by_role("button", name="Frame before").click()
    see(20)
    page.keyboard.press(",")
    see(19)
    page.evaluate("document.querySelector('#viewer video').currentTime = 0.5 / 30")
    see(0)
    page.keyboard.press(",")
    see(0)
    page.evaluate("document.querySelector('#viewer video').currentTime = 89.5 / 30")
    see(89)
    page.keyboard.press(".")
    see(89)
    # A click does not take the keys: space plays.
    page.get_by_role("button", name="Frame before").click()
    see(88)
    page.keyboard.press("Space")
    expect(page.locator(".frames")).to_be_hidden()


def mark_and_exclude(page: Page) -> None:
    page.locator(".card", has_text="what mountains shows").focus()
    page.keyboard.press("x")
    expect(page.locator("#marks")).to_contain_text("1 marked")
    with page.expect_download() as download:
        page.locator("#marks").get_by_role("button", name="Download list").click()
    assert Path(download.value.path()).read_text() == "clip_key\nown_clips/mountains.mp4\n"
    page.locator("#marks").get_by_role("button", name="Exclude").click()
    page.locator("#dialog input").fill("watermark, says Ada")
    shoot(page, "look-exclude")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Excluded from the next run on: 1")
    expect(page.locator(".tag.excluded")).to_be_visible()


def test_strangers_texts_stay_texts(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome) as page:
        complaints: list[str] = []
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None)
        for address in ("?key=<img", "?key=<img&view=list", "?words=<script>document.title='owned'</script>"):
            go(page, server, address)
            expect(page.locator("[data-place]")).to_have_count(1)
            page.locator("[data-place]").first.focus()
            page.keyboard.press("Enter")
            expect(page.locator(".about .text")).to_contain_text("<script>document.title='owned'</script>")
            expect(page.locator("#viewer h2")).to_have_text(f"own_clips/{NAME}")
            assert page.locator("img[src=x], .about script").count() == 0
            width = page.evaluate("() => document.querySelector('#viewer').scrollWidth - innerWidth")
            assert width <= 0
            shoot(page, "look-hostile")
            close_clip(page)
        assert page.title() == "Clips · data"
        assert complaints == []


def test_phone_dark_and_keyboard_alone(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome, viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True) as page:
        go(page, server)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Filters").click()
        page.locator("#filters").get_by_role("button", name=re.compile("^Dropped")).click()
        shoot(page, "look-phone-filters")
        page.get_by_role("button", name="Show clips").click()
        expect(page.locator(".card")).to_have_count(1)
        page.locator("#clips").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("e")
        expect(page.locator("#dialog")).to_contain_text("--edit")
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(page.locator("#viewer")).to_be_visible()
        shoot(page, "look-phone-clip")
        assert page.evaluate("() => document.querySelector('#viewer').scrollWidth") <= 390
        go(page, server, "?view=list")
        page.locator("#columns summary").tap()
        expect(page.locator("#column-names")).to_be_visible()
        shoot(page, "look-phone-columns")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_the_report_opens_from_disk_alone(chrome: Browser, data_root: Path, tmp_path: Path) -> None:
    with page_in(chrome) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
        alone = shutil.copy2(data_root / "training" / "report" / "index.html", tmp_path / "mailed.html")
        page.goto(Path(alone).as_uri(), timeout=PATIENCE_MS)
        expect(page.locator("table").first).to_contain_text("the video decoder reported errors")
        pictures = page.locator("img").evaluate_all("all => all.map(picture => picture.complete && picture.naturalWidth)")
        assert len(pictures) == len(list((data_root / "training" / "report").glob("*.png"))) + 2
        assert all(pictures)
        assert set(asked) <= {"file", "data"}
        shoot(page, "look-report")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        shoot(page, "look-report-phone")


def test_nothing_there_yet_and_a_server_that_went(chrome: Browser, tmp_path: Path) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    with page_in(chrome) as page:
        with look_server(root) as server:
            page.goto(server.url, timeout=PATIENCE_MS)
            expect(page.locator(".state")).to_contain_text("Nothing is listed yet")
            expect(page.locator(".state code")).to_contain_text("video-assets run")
            expect(page.locator("#download")).to_be_hidden()
            shoot(page, "look-empty")
        expect(page.locator("#banner")).to_contain_text("does not answer")


def test_what_was_asked_while_the_server_was_away_is_asked_again(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome) as page:
        go(page, server)
        page.route("**/api/**", lambda route: route.abort())
        page.locator("#words").fill("mountains")
        expect(page.locator("#banner")).to_contain_text("does not answer")
        page.unroute("**/api/**")
        expect(page.locator(".card")).to_have_count(1)
        expect(page.locator("#banner")).to_be_hidden()


def test_a_clip_of_which_the_server_is_slow_to_tell_has_its_name_and_a_way_out(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome) as page:
        go(page, server)
        page.route("**/api/clip?*", lambda _route: None)
        page.locator(".card", has_text="what mountains shows").click()
        expect(page.locator("#viewer h2")).to_have_text("own_clips/mountains.mp4")
        expect(page.locator("#viewer .state")).to_be_visible()
        page.keyboard.press("e")
        expect(page.locator("#dialog")).to_be_hidden()
        close_clip(page)
        expect(page.locator(".card")).to_have_count(7)


def test_a_clip_that_is_not_there(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome) as page:
        go(page, server, "?clip=own_clips/gone.mp4")
        expect(page.locator("#viewer")).to_contain_text("This clip cannot be shown")
        expect(page.locator("#viewer").get_by_role("button", name="Mark")).to_have_count(0)
        page.get_by_role("button", name="To the clips").click()
        expect(page.locator("#viewer")).to_be_hidden()
        expect(page.locator(".card")).to_have_count(7)


def test_words_that_never_come_are_told_and_not_asked_for_without_end(chrome: Browser, server: LookServer) -> None:
    def without_words(route: Route) -> None:
        state = route.fetch().json()
        route.fulfill(json={**state, "why_no_words": "no index could be made", "are_words_coming": False})

    with page_in(chrome) as page:
        page.add_init_script(
            "window.delays = []; const later = setTimeout;"
            "window.setTimeout = (act, ms) => { window.delays.push(ms); return later(act, ms); };"
        )
        page.route("**/api/state", without_words)
        go(page, server, "?words=mountains")
        expect(page.locator("#banner")).to_have_text("no index could be made")
        page.wait_for_function("() => window.delays.includes(10_000)")


def test_pictures_get_larger_a_row_is_marked_at_once_and_words_stand_out(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome) as page:
        go(page, server, "?words=what+shows")
        expect(page.locator(".card .caption mark").first).to_have_text("what")
        width = page.locator(".card").first.evaluate("card => card.clientWidth")
        page.keyboard.press("+")
        page.keyboard.press("+")
        assert page.locator(".card").first.evaluate("card => card.clientWidth") > width
        page.reload()
        expect(page.locator("#zoom")).to_have_value("3")
        expect(page.locator(".card img.there").first).to_be_visible()
        shoot(page, "look-large")
        page.keyboard.press("-")
        page.locator(".card").nth(1).hover()
        page.locator(".card .tick").nth(1).click()
        page.locator(".card").nth(4).click(modifiers=["Shift"])
        expect(page.locator("#marks")).to_contain_text("4 marked")
        page.locator(".card").nth(0).focus()
        page.keyboard.press("Shift+X")
        expect(page.locator("#marks")).to_contain_text("5 marked")
        expect(page.locator("#viewer")).to_be_hidden()


SIDEWAYS = "() => { const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth; }"


def test_the_list_does_not_scroll_sideways_and_shows_the_columns_that_are_asked_for(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome, viewport={"width": 1280, "height": 800}) as page:
        go(page, server, "?view=list")
        heads = page.locator("th")
        expect(heads.filter(has_text="File size")).to_be_visible()
        assert page.evaluate(SIDEWAYS) <= 0
        page.get_by_text("Columns", exact=True).click()
        page.get_by_role("checkbox", name="Frame rate").check()
        expect(heads.filter(has_text="Frame rate")).to_be_visible()
        page.get_by_role("checkbox", name="Caption").uncheck()
        expect(heads.filter(has_text="Caption")).to_have_count(0)
        shoot(page, "look-columns")
        page.keyboard.press("Escape")
        expect(page.locator("#column-names")).to_be_hidden()
        page.reload()
        expect(heads.filter(has_text="Frame rate")).to_be_visible()
        expect(heads.filter(has_text="Caption")).to_have_count(0)
        page.set_viewport_size({"width": 390, "height": 844})
        go(page, server, "?view=list")
        expect(heads.filter(has_text="File size")).to_have_count(0)
        assert page.evaluate(SIDEWAYS) <= 0


FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const name = one.id || (one.closest("aside") ? "filters" : one.dataset.place !== undefined ? "card" : one.className);
  return [name, one.type === "range" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
}"""


def test_tab_goes_from_top_to_bottom_and_the_focus_is_seen(chrome: Browser, server: LookServer) -> None:
    with page_in(chrome, viewport={"width": 1280, "height": 800}) as page:
        go(page, server)
        walk = []
        while "card" not in walk and len(walk) < 80:
            page.keyboard.press("Tab")
            name, is_seen = page.evaluate(FOCUSED)
            assert is_seen, name
            walk += [name] if name not in walk[-1:] else []
        assert walk == [
            "skip", "words", "sort", "view-grid", "view-list", "help", "filters", "zoom", "random", "download", "card",
        ]  # fmt: skip
