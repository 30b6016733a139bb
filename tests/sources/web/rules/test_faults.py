"""What yt-dlp, YouTube and servers say, and the reason that it becomes: with yt-dlp's own exceptions."""

import io
from http.client import HTTPMessage

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, ProxyError, TransportError
from yt_dlp.utils import ContentTooShortError, DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from video_assets.sources.fetching.fetches import REASONS as FETCH_REASONS
from video_assets.sources.web.explaining import fault_of
from video_assets.sources.web.rules.faults import CAUSES, SHARED, cause_of, classify, content_kind, page_reason, plain_words
from video_assets.sources.web.rules.when_to_pause import Limits, SiteState, site_of, wait_before_retry

# Sentences of YouTube's player, as yt-dlp 2026.8 passes them on (extractor/youtube/_video.py and what it appends).
SENTENCES = {
    "Private video. Sign in if you've been granted access to this video. Use --cookies": "private",
    "Video unavailable. This video is private": "private",
    "Video unavailable. This video has been removed by the uploader": "removed",
    "This video has been removed for violating YouTube's Terms of Service": "removed",
    "Video unavailable. This video is no longer available due to a copyright claim by X": "removed",
    "This video is no longer available because the YouTube account associated with this video has been terminated.": "terminated",
    "This video is no longer available because the uploader has closed their YouTube account.": "terminated",
    "Video unavailable": "unavailable",
    "This video is not available": "unavailable",
    "The uploader has not made this video available in your country": "geo_blocked",
    "This video contains content from X, who has blocked it in your country on copyright grounds": "geo_blocked",
    "Sign in to confirm your age. This video may be inappropriate for some users. Use --cookies": "age_restricted",
    "Join this channel to get access to members-only content like this video, and other exclusive perks.": "members_only",
    "This video is available to this channel's members on level: X (or any higher level).": "members_only",
    "This video requires payment to watch": "members_only",
    "Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser or --cookies for the authentication.": "bot_check",
    "Sign in to confirm you're not a bot. This helps protect our community.": "bot_check",
    "Video unavailable. YouTube is requiring a captcha challenge before playback": "bot_check",
    "This content isn't available, try again later. The current session has been rate-limited by YouTube for up "
    "to an hour. It is recommended to use `-t sleep` to add a delay between video requests": "rate_limited",
    "Please sign in. Use --cookies-from-browser or --cookies for the authentication.": "login_required",
    "The provided YouTube account cookies are no longer valid": "login_required",
    "This live event will begin in 3 hours.": "live_or_premiere",
    "Premieres in 2 days": "live_or_premiere",
    "Requested format is not available. Use --list-formats for a list of available formats": "no_format",
    "This video is DRM protected": "no_format",
    "No video formats found!": "no_format",
    "m3u8 download detected but ffmpeg could not be found. Please install": "no_format",
    "Something nobody has ever heard of": "site_error",
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences_of_sites_have_their_reasons(sentence):
    inner = ExtractorError(sentence, expected=True, video_id="abcdefghijk", ie="youtube")
    outer = DownloadError(f"ERROR: {inner}", (ExtractorError, inner, None))
    assert fault_of(outer).fault.reason == SENTENCES[sentence]


def http_error(status, **headers):
    message = HTTPMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return HTTPError(Response(io.BytesIO(), "https://example.org/a.mp4", message, status=status))


@pytest.mark.parametrize(
    ("error", "reason", "status"),
    [
        (http_error(404), "not_found", 404),
        (http_error(410), "not_found", 410),
        (http_error(403), "forbidden", 403),
        (http_error(429), "rate_limited", 429),
        (http_error(451), "geo_blocked", 451),
        (http_error(500), "network", 500),
        (http_error(503), "network", 503),
        (TransportError("[Errno 104] Connection reset by peer"), "network", None),
        (TransportError("The read operation timed out"), "network", None),
        (IncompleteRead(partial=7, expected=9), "network", None),
        (ProxyError("tunnel connection failed"), "network", None),
        (ContentTooShortError(7, 9), "network", None),
        (GeoRestrictedError("not here", countries=["NL"]), "geo_blocked", None),
        (UnsupportedError("https://example.org/page"), "unsupported_site", None),
        (UserNotLive(video_id="x"), "live_or_premiere", None),
        (DownloadError("ERROR: unable to download video data: HTTP Error 403: Forbidden"), "forbidden", 403),
        (DownloadError("ERROR: \x1b[0;31mERROR:\x1b[0m giving up after 3 retries"), "network", None),
    ],
)
def test_exceptions_of_yt_dlp_have_their_reasons(error, reason, status):
    fault = fault_of(error).fault
    assert (fault.reason, fault.http_status) == (reason, status)
    wrapped = DownloadError(f"ERROR: {error}", (type(error), error, None))
    assert fault_of(wrapped).fault.reason == reason, "also behind what extract_info raises"


def test_the_servers_wish_to_wait_is_known():
    assert fault_of(http_error(429, Retry_After="120")).fault.wait_s == 120


def test_a_bot_check_counts_whatever_the_status():
    assert classify("HTTP Error 403: Sign in to confirm you're not a bot", http_status=403) == "bot_check"


PAGES = {
    "<title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x>": "bot_check",
    "<p>Please verify you are a human</p>": "bot_check",
    "<h1>Prove that you&#39;re not a robot</h1>": "bot_check",
    "<div class=g-recaptcha>": "bot_check",
    "<title>Attention Required! | Cloudflare</title>": "bot_check",
    "<p>Our systems have detected unusual traffic from your network</p>": "bot_check",
    "<h1>Too many requests</h1>": "rate_limited",
    "<title>404</title><p>This video is no longer here</p>": "",
    "<title>Free stock footage of humans and robots</title>": "",
    '{"error": "not found"}': "",
}


@pytest.mark.parametrize("page", PAGES)
def test_pages_that_keep_robots_out_are_known_by_their_words(page):
    assert page_reason(page.encode()) == PAGES[page]


def test_every_reason_has_a_policy_and_a_meaning():
    assert set(SHARED) <= set(FETCH_REASONS)
    assert not set(CAUSES) & set(FETCH_REASONS)
    assert all(cause_of(reason).meaning for reason in CAUSES)
    assert {reason for reason in [*CAUSES, *SHARED] if cause_of(reason).is_alarm} == {"bot_check", "rate_limited"}


def test_messages_are_told_without_decoration():
    assert plain_words("ERROR: \x1b[31mgone\x1b[0m; please report this issue on  https://example.org") == "gone"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video"),
        (b"\x1aE\xdf\xa3\x01\0", "video"),
        (b"G" + b"\xff" * 187 + b"G", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"#EXTM3U\n#EXT-X-VERSION:3", "manifest"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<MPD xmlns="x">', "manifest"),
        (b"<!DOCTYPE html><html>", "page"),
        (b'\n {"error": "not found"}', "page"),
        (b"Not found", "page"),
        (b"\x89PNG\r\n\x1a\n\0", "other"),
        (b"", "other"),
    ],
)
def test_what_came_is_known_by_its_first_bytes(head, kind):
    assert content_kind(head) == kind


def test_waits_grow_and_end():
    waits = [wait_before_retry("network", n_tries=n, first_wait_s=5, asked_s=None) for n in (1, 2, 3)]
    assert waits == [5, 10, None]
    assert wait_before_retry("private", n_tries=1, first_wait_s=5, asked_s=None) is None
    assert wait_before_retry("rate_limited", n_tries=1, first_wait_s=5, asked_s=3600) is None, "an hour is not waited for"


LIMITS = Limits(alarms=2, refusals=3, pause_s=100)


def after(*reasons, state=None, now_s=0):
    state = state or SiteState()
    for reason in reasons:
        state = state.after(reason, LIMITS, now_s=now_s)
    return state


def left_s(state, now_s=0):
    return state.remaining_s(LIMITS, now_s=now_s)


def test_alarms_in_a_row_pause_a_site_for_a_time():
    assert not left_s(after("bot_check", "private"))
    paused = after("bot_check", "private", "rate_limited")
    assert (left_s(paused, 30), left_s(paused, 101)) == (70, 0)
    assert not left_s(after("bot_check", "", "bot_check")), "a video that came says that we are welcome"
    assert left_s(after("bot_check", state=paused, now_s=500), 501) == 99, "after the pause one more is enough"
    asked = SiteState().after("rate_limited", Limits(1, 1, 100), now_s=0, asked_s=5000)
    assert asked.until == 5000, "the site said for how long"


@pytest.mark.parametrize("reason", ["forbidden", "not_a_video"])
def test_refusals_in_a_row_pause_a_site_and_single_ones_do_not(reason):
    assert not left_s(after(reason, reason, "", reason, "not_found", reason))
    assert left_s(after(reason, "not_found", reason, reason))


def test_nothing_permanent_is_decided_while_a_site_may_be_sending_us_away():
    assert after("not_found").decides("not_found", attempts=1)
    assert not after("bot_check", "not_found").decides("not_found", attempts=1)
    assert not after("not_a_video").decides("not_a_video", attempts=1), "it may be what every robot gets"
    assert after("not_a_video").decides("not_a_video", attempts=3)
    assert not after("forbidden", "not_a_video").decides("not_a_video", attempts=3)


def test_what_was_noted_by_earlier_versions_is_read():
    assert SiteState.of(12.5) == SiteState(until=12.5)
    assert SiteState.of({"alarms": 1, "refusals": 2, "until": 3}) == SiteState(1, 2, 3.0)


def test_all_addresses_of_youtube_are_one_site():
    assert {site_of(url) for url in ("https://youtu.be/abcdefghijk", "http://www.youtube.com/watch?v=abcdefghijk")} == {
        "youtube.com"
    }
