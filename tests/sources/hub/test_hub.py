"""Files of the hub under every fault: the same bytes, and nothing that was here comes over the wire again."""

import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace

import pytest
from disks import small_disk
from hub_server import FakeHub
from huggingface_hub.utils import close_session

from video_assets.core.errors import UsageError
from video_assets.core.fetch_errors import (
    ChecksumError,
    GatedError,
    NetworkError,
    NoRangesError,
    NoSpaceError,
    NotOnHubError,
    OtherFileError,
    RateLimitedError,
    UnreachableError,
    WebPageError,
)
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.download import download, draft_path
from video_assets.sources.hub.ranged_file import TAIL_BYTES, open_ranged
from video_assets.sources.hub.repo import HubRepo, Patience
from video_assets.sources.hub.stream import HubStream
from video_assets.storage.space import HEADROOM_BYTES

MIB = 1 << 20
REPO = "me/clips"
DATA = random.Random(4).randbytes(6 * MIB + 123)
PIECES = {"a.zip_partaa": DATA[: 3 * MIB], "a.zip_partab": DATA[3 * MIB :]}
QUICK = Patience(attempts=4, first_wait_s=0.01)


@pytest.fixture(scope="module")
def server():
    with FakeHub() as hub:
        hub.commit(REPO, {"a.zip": DATA, "README.md": b"# A data set\n", **PIECES})
        yield hub


@pytest.fixture
def hub(server):
    yield server
    server.bytes_per_s = None
    server.mend()
    server.reset_counts()
    server.tokens.clear()


@pytest.fixture
def repo(hub):
    repo = HubRepo(REPO, endpoint=hub.endpoint, timeout_s=20.0, patience=QUICK)
    return repo.at(repo.head_commit())


@pytest.fixture
def files(repo, hub):
    files = repo.list_files(repo.revision)
    hub.reset_counts()
    return files


# --- what there is ------------------------------------------------------------------------------------------------------------


def test_the_listing_has_size_and_sha256_of_every_file(files):
    assert set(files) == {"a.zip", "README.md", *PIECES}
    assert (files["a.zip"].size, files["a.zip"].sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert files["README.md"].sha256 is None


def test_a_listing_of_many_pages_is_complete():
    with FakeHub(page_size=2) as hub:
        names = {f"folder/{n}.zip": b"x" for n in range(7)}
        sha = hub.commit(REPO, names)
        assert set(HubRepo(REPO, endpoint=hub.endpoint).list_files(sha)) == set(names)


def test_a_new_commit_moves_the_head_and_not_the_pinned_one():
    with FakeHub() as hub:
        old = hub.commit(REPO, {"a.zip": b"old"})
        repo = HubRepo(REPO, endpoint=hub.endpoint)
        assert repo.head_commit() == old
        new = hub.commit(REPO, {"a.zip": b"new", "b.zip": b"b"})
        assert (repo.head_commit(), repo.at(old).head_commit()) == (new, old)
        assert set(repo.list_files(old)) == {"a.zip"}


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 429}])
def test_head_and_listing_get_over_faults_that_the_client_does_not_try_again(hub, fault):
    repo = HubRepo(REPO, endpoint=hub.endpoint, patience=QUICK)
    hub.fail(**fault, on="info", times=2)
    hub.fail(**fault, on="tree", times=2)
    assert len(repo.list_files(repo.head_commit())) == 4


def test_a_silent_hub_is_given_up_on(hub):
    repo = HubRepo(REPO, endpoint=hub.endpoint, timeout_s=0.3, patience=Patience(attempts=2, first_wait_s=0.01))
    hub.fail("stall", on="tree", times=2, seconds=10)
    with pytest.raises(NetworkError, match="the list of files of me/clips"):
        repo.list_files(repo.head_commit())


def test_a_dead_proxy_is_named_and_not_the_hub_and_its_password_never(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    close_session()
    repo = HubRepo(REPO, endpoint="http://hub.example.org", patience=Patience(attempts=1))
    with pytest.raises(UnreachableError, match=r"through the proxy 127\.0\.0\.1:9 .*NO_PROXY") as raised:
        repo.head_commit()
    close_session()
    assert "secret" not in str(raised.value)


def test_nothing_listens_there(tmp_path):
    del tmp_path
    repo = HubRepo(REPO, endpoint="http://127.0.0.1:9", patience=Patience(attempts=1))
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9 cannot be reached .*HTTPS_PROXY"):
        repo.head_commit()


def test_an_endpoint_without_scheme_is_refused(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.example")
    with pytest.raises(UsageError, match="https://"):
        HubRepo(REPO)


def test_hf_endpoint_is_honoured(monkeypatch, hub):
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint + "/")
    assert len(HubRepo(REPO).head_commit()) == 40


@pytest.mark.parametrize(
    ("repo_id", "revision", "words"),
    [
        ("me/other", "main", "correct openvid.repo"),
        (REPO, "v9", "correct openvid.revision"),
        ("nonsense", "main", "openvid.repo"),
    ],
)
def test_what_is_not_on_the_hub_is_said_at_once(hub, repo_id, revision, words):
    with pytest.raises(NotOnHubError, match=words) as caught:
        HubRepo(repo_id, revision=revision, endpoint=hub.endpoint).head_commit()
    assert caught.value.needs_person
    assert len(hub.requests) == 1


def test_a_portal_that_wants_a_login_is_no_listing(hub):
    hub.fail("html", on="info")
    with pytest.raises(WebPageError, match="Sign in"):
        HubRepo(REPO, endpoint=hub.endpoint).head_commit()


# --- one file -------------------------------------------------------------------------------------------------------------------

HALF = len(DATA) // 2
# fault of the storage, and how many bytes more than the file may come over the wire
FAULTS = {
    "none": ({}, 0),
    "cut_fin": ({"kind": "cut_fin", "after": HALF}, 0),
    "cut_rst": ({"kind": "cut_rst", "after": HALF}, 0),
    "five_cuts": ({"kind": "cut_rst", "after": MIB, "times": 5}, 0),
    "drop": ({"kind": "drop", "times": 3}, 0),
    "500": ({"kind": "status", "status": 500, "times": 3}, 50),
    "503": ({"kind": "status", "status": 503, "headers": {"Retry-After": "0"}}, 50),
    "429": ({"kind": "status", "status": 429}, 50),
    "429_with_time": ({"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, 50),
    "expired": ({"kind": "status", "status": 403}, 50),
    # On a busy machine the time limit may strike where nothing stalls.
    "stall": ({"kind": "stall", "after": HALF, "seconds": 30}, len(DATA)),
    "stall_at_once": ({"kind": "stall", "seconds": 30}, len(DATA)),
    "ignored_range": ({"kind": "ignore_range"}, 0),
    "short": ({"kind": "short"}, 0),
    "resolve_503": ({"kind": "status", "status": 503, "on": "resolve"}, 0),
    "resolve_drop": ({"kind": "drop", "on": "resolve", "times": 3}, 0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_download_ends_with_the_same_bytes_whatever_happens(hub, repo, files, tmp_path, name):
    fault, more = FAULTS[name]
    if fault:
        hub.fail(**fault)
    repo = replace(repo, timeout_s=0.5) if "stall" in name else repo
    done = download(repo, files["a.zip"], tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert done.n_bytes_fetched == len(DATA)
    assert hub.bytes_sent() <= len(DATA) + more
    assert list(tmp_path.iterdir()) == [tmp_path / "a.zip"]


@pytest.mark.parametrize("name", [*FAULTS, "expired_after_cut"])
def test_a_reader_over_two_pieces_gives_the_same_bytes_whatever_happens(hub, repo, files, name):
    fault, more = FAULTS.get(name, ({"kind": "cut_fin", "after": MIB}, 100))
    if fault:
        hub.fail(**fault)
    repo = replace(repo, timeout_s=0.5) if "stall" in name else repo
    with open_ranged(repo, [files[piece] for piece in PIECES]) as reader:
        head = reader.read(100)
        if name == "expired_after_cut":
            hub.expire_urls()
        assert head + reader.read() == DATA
        assert [reader.hash_of(n) for n in (0, 1)] == [hashlib.sha256(piece).hexdigest() for piece in PIECES.values()]
        assert reader.n_bytes_fetched == len(DATA)
    assert hub.bytes_sent() <= len(DATA) + more


def test_an_ignored_range_after_a_cut_costs_the_bytes_and_not_the_file(hub, repo, files, tmp_path):
    hub.fail("cut_rst", after=HALF)
    download_cut = HubStream(repo, files["a.zip"])
    got = download_cut.read()
    hub.fail("ignore_range")
    while block := download_cut.read():
        got += block
    assert got == DATA
    assert hub.ranges()[0] == (0, len(DATA) - 1)
    assert download(repo, files["README.md"], tmp_path / "README.md").path.read_bytes() == b"# A data set\n"


def test_a_flipped_byte_is_noticed_and_the_file_fetched_once_more(hub, repo, files, tmp_path):
    hub.fail("corrupt", at=HALF)
    download(repo, files["a.zip"], tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert hub.bytes_sent() == 2 * len(DATA)


def test_bytes_that_are_always_wrong_are_never_kept(hub, repo, files, tmp_path):
    hub.fail("corrupt", at=HALF, times=2)
    with pytest.raises(ChecksumError, match=r"a\.zip of me/clips.*arrived twice"):
        download(repo, files["a.zip"], tmp_path / "a.zip")
    assert not list(tmp_path.iterdir())


def test_a_flipped_byte_shows_in_the_hash_of_the_reader(hub, repo, files):
    hub.fail("corrupt", at=HALF)
    with open_ranged(repo, [files["a.zip"]]) as reader:
        reader.read()
        assert reader.hash_of(0) not in {None, files["a.zip"].sha256}


def test_a_verified_file_is_not_fetched_again_and_a_changed_one_is(hub, repo, files, tmp_path):
    path = tmp_path / "a.zip"
    download(repo, files["a.zip"], path)
    hub.reset_counts()
    assert download(repo, files["a.zip"], path).n_bytes_fetched == 0
    assert not hub.requests
    path.write_bytes(DATA[:-1] + b"?")
    download(repo, files["a.zip"], path)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("left", [DATA[:HALF], DATA, DATA + b"more"])
def test_what_an_earlier_run_has_left_is_continued(hub, repo, files, tmp_path, left):
    draft_path(tmp_path / "a.zip", files["a.zip"]).write_bytes(left)
    fetched = len(DATA) if len(left) > len(DATA) else len(DATA) - len(left)
    assert download(repo, files["a.zip"], tmp_path / "a.zip").n_bytes_fetched == fetched
    assert hub.bytes_sent() == fetched
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_garbage_that_an_earlier_run_has_left_costs_one_more_download(hub, repo, files, tmp_path):
    draft_path(tmp_path / "a.zip", files["a.zip"]).write_bytes(b"?" * HALF)
    download(repo, files["a.zip"], tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert hub.bytes_sent() == len(DATA) - HALF + len(DATA)


def test_drafts_of_other_contents_are_removed(repo, files, tmp_path):
    old = draft_path(tmp_path / "a.zip", files["a.zip"]._replace(sha256="0" * 64))
    others = [tmp_path / "clip.mp4.part", tmp_path / ".hidden", draft_path(tmp_path / "b.zip", files["a.zip"])]
    for path in (old, *others):
        path.touch()
    download(repo, files["a.zip"], tmp_path / "a.zip")
    assert set(tmp_path.iterdir()) == {tmp_path / "a.zip", *others}


_DOWNLOAD = """
import sys
from pathlib import Path
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.download import download
repo = HubRepo("me/clips", revision=sys.argv[1])
print("ready", flush=True)
download(repo, repo.list_files(sys.argv[1])["a.zip"], Path(sys.argv[2]))
"""


def test_a_killed_download_goes_on_where_it_was(hub, repo, files, tmp_path):
    path = tmp_path / "a.zip"
    draft = draft_path(path, files["a.zip"])
    hub.bytes_per_s = 4 * MIB
    env = {**os.environ, "HF_ENDPOINT": hub.endpoint}
    command = [sys.executable, "-c", _DOWNLOAD, repo.revision, str(path)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (draft.exists() and draft.stat().st_size >= MIB) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    hub.bytes_per_s = None
    n_here = draft.stat().st_size
    assert MIB <= n_here < len(DATA)
    hub.reset_counts()
    assert download(repo, files["a.zip"], path).n_bytes_fetched == len(DATA) - n_here
    assert hub.ranges() == [(n_here, len(DATA) - 1)]
    assert path.read_bytes() == DATA


def test_retries_count_only_attempts_without_progress(hub, repo, files, tmp_path):
    hub.fail("cut_fin", after=MIB // 4, times=20)
    download(repo, files["a.zip"], tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert hub.n_requests("resolve") == len(hub.ranges()) == 21


def test_after_too_many_attempts_the_error_says_how_far_it_came(hub, repo, files, tmp_path):
    hub.fail("cut_fin", after=0, times=9)
    with pytest.raises(NetworkError, match=r"a\.zip of me/clips.*a later run goes on here") as caught:
        download(repo, files["a.zip"], tmp_path / "a.zip")
    assert not caught.value.needs_person
    assert len(hub.ranges()) == QUICK.attempts


def test_a_limit_that_lasts_too_long_says_when_to_come_back(hub, repo, files, tmp_path):
    hub.fail("status", on="resolve", status=429, headers={"ratelimit": '"resolvers";r=0;t=3000'})
    with pytest.raises(RateLimitedError, match=r"wait 3000 s, until \d\d:\d\d:\d\d UTC.*HF_TOKEN") as caught:
        download(repo, files["a.zip"], tmp_path / "a.zip")
    assert caught.value.wait_s == 3000
    assert hub.n_requests("resolve") == 1


def test_a_full_disk_is_foreseen_with_numbers(hub, repo, files, tmp_path):
    with pytest.raises(NoSpaceError, match=r"a\.zip takes 9000\.0 TB .* free\. Free \d"):
        download(repo, files["a.zip"]._replace(size=9 * 10**15), tmp_path / "a.zip")
    assert not hub.requests


def test_a_web_page_instead_of_a_file_is_not_kept(hub, repo, files, tmp_path):
    hub.fail("html")
    with pytest.raises(WebPageError, match="a web page came instead of the file"):
        download(repo, files["a.zip"], tmp_path / "a.zip")


def test_a_mirror_with_other_contents_is_noticed_before_the_transfer(hub, repo, files, tmp_path):
    with pytest.raises(OtherFileError, match="has another file"):
        download(repo, files["a.zip"]._replace(sha256="0" * 64), tmp_path / "a.zip")
    with pytest.raises(OtherFileError, match="materialize the listing again"):
        download(repo, files["a.zip"]._replace(size=5 * MIB), tmp_path / "a.zip")
    assert len(hub.ranges()) == 2, "trying again does not help"


def test_a_file_that_has_gone_is_named(repo, files, tmp_path):
    with pytest.raises(NotOnHubError, match=r"b\.zip of me/clips.*materialize the listing again"):
        download(repo, files["a.zip"]._replace(path="b.zip"), tmp_path / "b.zip")


def test_a_gated_data_set_needs_the_token_and_never_shows_it(hub, files, tmp_path, monkeypatch, caplog):
    repo = HubRepo(REPO, endpoint=hub.endpoint, patience=QUICK)
    repo = repo.at(repo.head_commit())
    hub.gate(REPO, "hf_secret")
    caplog.set_level(0)
    with pytest.raises(GatedError, match=r"Accept the data set's conditions .* HF_TOKEN") as caught:
        download(repo, files["a.zip"], tmp_path / "a.zip")
    assert caught.value.needs_person
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_secret")
    with pytest.raises(GatedError) as caught:
        download(repo, files["a.zip"], tmp_path / "a.zip")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.fail("cut_rst", after=MIB)
    download(repo, files["a.zip"], tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert not any(request.had_token for request in hub.requests if request.route == "cdn"), "the token went to the storage"
    assert "secret" not in f"{caught.value}{caplog.text}{repo}{repo!r}"


def test_signed_addresses_are_in_no_error_and_no_log(hub, repo, files, caplog):
    caplog.set_level("INFO")
    hub.fail("status", status=500, times=99)
    with pytest.raises(NetworkError) as caught:
        HubStream(repo, files["a.zip"]).read()
    assert "sig=" not in f"{caught.value}{caplog.text}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- a reader -------------------------------------------------------------------------------------------------------------------


def test_a_reader_behaves_as_a_file_does(repo, files):
    dice = random.Random(5)
    with open_ranged(repo, [files[piece] for piece in PIECES]) as reader, io.BytesIO(DATA) as file:
        for _ in range(60):
            offset = dice.choice([dice.randrange(len(DATA) + 10), 3 * MIB - 5, len(DATA) - 3])
            n_bytes = dice.choice([0, 1, 30, 70_000, 2 * MIB])
            assert reader.seek(offset) == file.seek(offset)
            assert reader.read(n_bytes) == file.read(n_bytes)
            assert reader.tell() == file.tell()
        assert reader.seek(-7, io.SEEK_END) == file.seek(-7, io.SEEK_END)
        assert reader.seek(3, io.SEEK_CUR) == file.seek(3, io.SEEK_CUR)
        assert reader.read(-1) == file.read(-1)
        assert reader.readinto(bytearray(9)) == 0
        with pytest.raises(OSError, match="before the start"):
            reader.seek(-1)


@pytest.fixture(scope="module")
def archive():
    dice, buffer = random.Random(6), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for n in range(40):
            zipped.writestr(f"nested/clip_{n:02d}.mp4", dice.randbytes(200_000))
    return buffer.getvalue()


@pytest.fixture
def pieces(server, archive):
    """The archive as two pieces, on the hub; its repo and files."""
    cut = 5 * MIB + 17
    commit = server.commit("me/split", {"OpenVid_part1_partaa": archive[:cut], "OpenVid_part1_partab": archive[cut:]})
    repo = HubRepo("me/split", revision=commit, endpoint=server.endpoint, patience=QUICK)
    files = repo.list_files(commit)
    server.reset_counts()
    return repo, [files["OpenVid_part1_partaa"], files["OpenVid_part1_partab"]]


def test_a_zip_in_pieces_streams_by_with_each_byte_once(hub, pieces, archive):
    repo, files = pieces
    with open_ranged(repo, files) as reader, zipfile.ZipFile(reader) as zipped:
        for member in zipped.infolist():
            assert len(zipped.read(member)) == 200_000  # zipfile checks the CRC
        reader.finish_hashes()
        assert [reader.hash_of(n) for n in (0, 1)] == [file.sha256 for file in files]
    assert hub.bytes_sent() == len(archive)
    assert len(hub.ranges()) == 3, "the directory, and one request for each piece"


def test_a_few_clips_of_a_zip_cost_little_more_than_themselves(hub, pieces):
    repo, files = pieces
    wanted = [3, 4, 30]
    with open_ranged(repo, files) as reader, zipfile.ZipFile(reader) as zipped:
        members = zipped.infolist()
        reader.expect([(members[n].header_offset, members[n + 1].header_offset) for n in wanted])
        for n in wanted:
            assert len(zipped.read(members[n])) == 200_000
        assert reader.hash_of(0) is None
    assert hub.bytes_sent() < TAIL_BYTES + 3 * 200_000 + 10_000
    assert len(hub.ranges()) == 3
    assert hub.n_requests("resolve") == 2, "a signed address is used again"


def test_an_address_that_expires_between_clips_is_renewed_without_waiting(hub, pieces):
    repo, files = pieces
    repo = replace(repo, patience=Patience(first_wait_s=600))
    with open_ranged(repo, files) as reader, zipfile.ZipFile(reader) as zipped:
        members = zipped.infolist()
        reader.expect(
            [(members[1].header_offset, members[2].header_offset), (members[9].header_offset, members[10].header_offset)]
        )
        zipped.read(members[1])
        hub.expire_urls()
        assert len(zipped.read(members[9])) == 200_000


def test_a_mirror_without_ranges_is_told_from_a_slow_one(hub, repo, files, monkeypatch):
    monkeypatch.setattr("video_assets.sources.hub.ranged_file.MAX_DISCARD_BYTES", MIB)
    hub.fail("ignore_range", times=9)
    with open_ranged(repo, [files["a.zip"]]) as reader:
        reader.seek(4 * MIB)
        with pytest.raises(NoRangesError, match=r'openvid\.mode = "archive"'):
            reader.read(1)


# --- what needs a disk or a process of its own ----------------------------------------------------------------------------------


def test_a_disk_that_fills_up_meanwhile_is_told_with_its_name(repo, files, tmp_path):
    folder = tmp_path / "small"

    def fill(_n_bytes):
        if not (folder / "others").exists():
            with (folder / "others").open("wb") as other:
                os.posix_fallocate(other.fileno(), 0, shutil.disk_usage(folder).free - MIB)

    with small_disk(folder, HEADROOM_BYTES + 8 * MIB):
        if not folder.is_mount():
            pytest.skip("needs a file system of its own")
        with pytest.raises(NoSpaceError, match="the disk is full"):
            download(repo, files["a.zip"], folder / "a.zip", on_bytes=fill)


def test_hf_hub_offline_is_said_plainly(hub, tmp_path):
    env = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "1"}
    script = "from video_assets.sources.hub.repo import HubRepo\nHubRepo('me/clips').head_commit()"
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert "OfflineError" in done.stderr
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert not hub.requests


# --- several connections ------------------------------------------------------------------------------------------------------


def read_all(reader):
    parts = []
    while part := reader.read(300_000):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("name", [*FAULTS, "three_429"])
def test_over_several_connections_the_same_bytes_come_in_order_whatever_happens(hub, repo, files, name):
    fault, more = FAULTS.get(name, ({"kind": "status", "status": 429, "times": 3, "headers": {"Retry-After": "0"}}, 50))
    if fault:
        hub.fail(**{**fault, **({"after": MIB // 8} if "after" in fault else {})})
    repo = replace(repo, timeout_s=2.0) if "stall" in name else repo
    connections = Connections(4, segment_bytes=MIB // 2)
    with open_ranged(repo, [files["a.zip"]], connections=connections) as reader:
        assert read_all(reader) == DATA
        assert reader.hash_of(0) == hashlib.sha256(DATA).hexdigest()
    slack = len(DATA) if name == "ignored_range" else 0
    assert hub.bytes_sent() <= len(DATA) + 5 * more + slack


@pytest.mark.parametrize("name", [*FAULTS, "ignored_ranges"])
def test_a_download_over_several_connections_ends_with_the_same_bytes_whatever_happens(hub, repo, files, tmp_path, name):
    fault, _ = FAULTS.get(name, ({"kind": "ignore_range", "times": 100}, 0))
    if fault:
        hub.fail(**{**fault, **({"after": MIB // 8} if "after" in fault else {})})
    repo = replace(repo, timeout_s=2.0) if "stall" in name else repo
    told = []
    connections = Connections(4, segment_bytes=MIB // 2)
    download(repo, files["a.zip"], tmp_path / "a.zip", on_bytes=told.append, connections=connections)
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert sum(told) == len(DATA)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.zip"]


def test_a_download_over_several_connections_goes_on_where_a_killed_one_ended(hub, repo, files, tmp_path):
    draft = draft_path(tmp_path / "a.zip", files["a.zip"])
    draft.write_bytes(DATA[:MIB])
    connections = Connections(4, segment_bytes=MIB // 4)
    assert download(repo, files["a.zip"], tmp_path / "a.zip", connections=connections).n_bytes_fetched == len(DATA) - MIB
    assert len(hub.ranges()) > 4
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_a_connection_is_used_again_for_the_next_range(hub, repo, files):
    """A new one costs three round trips, and the slow start of TCP, each time."""
    with open_ranged(repo, [files["a.zip"]], connections=Connections(2, segment_bytes=MIB // 8)) as reader:
        assert read_all(reader) == DATA
    assert len(hub.ranges()) >= len(DATA) // (MIB // 8)
    assert len({request.peer for request in hub.requests if request.route == "cdn"}) <= 3


def test_trouble_of_the_storage_behind_the_hub_is_not_called_the_hubs(hub, repo, files, tmp_path):
    hub.fail("status", status=503, times=100)
    with pytest.raises(NetworkError) as raised:
        download(replace(repo, patience=Patience(attempts=2, first_wait_s=0.01)), files["a.zip"], tmp_path / "a.zip")
    assert f"127.0.0.1 (where {hub.endpoint} keeps the file) answered 503" in str(raised.value)
    assert "sig=" not in str(raised.value)


def test_there_are_never_more_connections_than_allowed_and_the_hub_is_asked_once_where_the_file_is(hub, repo, files):
    class Counted(Connections):
        most = now = 0

        @contextmanager
        def turn(self, given_up=None):
            with super().turn(given_up):
                self.now += 1
                self.most = max(self.most, self.now)
                yield
                self.now -= 1

    hub.bytes_per_s = 20e6
    connections = Counted(3, segment_bytes=MIB // 4)
    readers = [open_ranged(repo, [files["a.zip"]], connections=connections) for _ in range(2)]
    threads = [threading.Thread(target=read_all, args=[reader]) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for reader in readers:
        reader.close()
    hub.bytes_per_s = None
    assert 2 <= connections.most <= 3
    assert hub.n_requests("resolve", "a.zip") == 2, "once for each reader"
    assert hub.bytes_sent() == 2 * len(DATA)


def test_after_a_429_fewer_connections_are_used_and_none_before_the_wait_is_over():
    connections = Connections(8)
    connections.back_off(0.3)
    begin = time.monotonic()
    with connections.turn():
        assert time.monotonic() - begin >= 0.25
        entered = [threading.Thread(target=_enter, args=[connections]) for _ in range(3)]
        for thread in entered:
            thread.start()
        for thread in entered:
            thread.join()
    connections.back_off(0)
    connections.back_off(0)
    with connections.turn():
        late = threading.Thread(target=_enter, args=[connections])
        late.start()
        late.join(0.2)
        assert late.is_alive(), "one at a time by now"
    late.join()


def _enter(connections):
    with connections.turn():
        pass


def test_a_reader_that_is_closed_early_leaves_no_connection_behind(hub, repo, files):
    hub.bytes_per_s = 4e6
    with open_ranged(repo, [files["a.zip"]], connections=Connections(4, segment_bytes=MIB // 2)) as reader:
        assert reader.read(1000) == DATA[:1000]
    hub.bytes_per_s = None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hub")]
