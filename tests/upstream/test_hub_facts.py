"""What we know of huggingface_hub 2.4 and work around; when one of these fails, a work-around may have become superfluous."""

import hashlib
import inspect
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import FakeHub
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import get_session, hf_raise_for_status, httpx, parse_ratelimit_headers

REPO = "me/clips"
DATA = random.Random(1).randbytes(12 << 20)  # more than one of the client's blocks of 10 MiB


@pytest.fixture(autouse=True)
def _over_http(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)


@pytest.fixture(scope="module")
def server():
    with FakeHub() as hub:
        hub.commit(REPO, {"a.zip": DATA, "README.md": b"words"})
        yield hub


@pytest.fixture
def hub(server):
    yield server
    server.mend()
    server.reset_counts()
    server.tokens.clear()


def fetch(hub, folder, name="a.zip", **options):
    return Path(hf_hub_download(REPO, name, repo_type="dataset", local_dir=folder, endpoint=hub.endpoint, **options))


def url_of(hub, name="a.zip", revision="main"):
    return hf_hub_url(REPO, name, repo_type="dataset", revision=revision, endpoint=hub.endpoint)


def leftovers(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix in {".zip", ".incomplete"}]


# --- why files are downloaded by ourselves --------------------------------------------------------------------------------------


def test_a_flipped_byte_is_a_success(hub, tmp_path):
    hub.fail("corrupt", at=5 << 20)
    got = fetch(hub, tmp_path).read_bytes()
    assert len(got) == len(DATA)
    assert got != DATA


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "cut_rst", "after": 11 << 20}, httpx.ReadError),
        ({"kind": "drop"}, httpx.ReadError),
        ({"kind": "status", "status": 503}, HfHubHTTPError),
        ({"kind": "status", "status": 403}, HfHubHTTPError),
        ({"kind": "short"}, OSError),
    ],
)
def test_a_reset_or_an_error_of_the_storage_loses_everything_at_once(hub, tmp_path, fault, error):
    hub.fail(**fault)
    with pytest.raises(error):
        fetch(hub, tmp_path)
    assert len(hub.ranges()) == 1
    assert leftovers(tmp_path) == []


def test_a_new_process_starts_at_byte_0_beside_what_a_killed_one_left(hub, tmp_path):
    left = tmp_path / ".cache" / "huggingface" / "download"
    left.mkdir(parents=True)
    etag = hashlib.sha256(DATA).hexdigest()
    for name in (f"a.zip.{etag}.incomplete", f"{etag}.incomplete"):
        (left / name).write_bytes(DATA[: 8 << 20])
    fetch(hub, tmp_path)
    assert hub.bytes_sent() == len(DATA)


def test_a_present_file_is_believed_without_a_look(hub, tmp_path):
    commit = HfApi(endpoint=hub.endpoint).dataset_info(REPO).sha
    path = fetch(hub, tmp_path, revision=commit)
    times = path.stat()
    path.write_bytes(b"?")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    hub.reset_counts()
    assert fetch(hub, tmp_path, revision=commit).read_bytes() == b"?"
    assert not hub.requests


def test_large_files_are_refused_over_plain_http():
    assert constants.MAX_HTTP_DOWNLOAD_SIZE == 50 * 1000**3
    assert "MAX_HTTP_DOWNLOAD_SIZE" in inspect.getsource(http_get)


# --- why listings are asked for by ourselves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 429}])
def test_the_newest_commit_is_asked_for_once_only(hub, fault):
    hub.fail(**fault, on="info")
    with pytest.raises((httpx.TransportError, HfHubHTTPError)):
        HfApi(endpoint=hub.endpoint).dataset_info(REPO, expand=["sha"])
    assert hub.n_requests("info") == 1


def test_the_clients_listing_of_files_takes_no_time_limit_and_its_session_has_none():
    assert "timeout" not in inspect.signature(HfApi.list_repo_tree).parameters
    assert get_session().timeout == httpx.Timeout(None)


def test_listing_and_info_of_a_gated_data_set_are_public(hub):
    hub.gate(REPO, "hf_token")
    api = HfApi(endpoint=hub.endpoint, token=False)
    assert len(list(api.list_repo_tree(REPO, repo_type="dataset", revision=api.dataset_info(REPO).sha))) == 2
    with pytest.raises(GatedRepoError):
        api.auth_check(REPO, repo_type="dataset")


# --- what our own requests rely on ----------------------------------------------------------------------------------------------


def test_a_file_is_a_redirect_that_tells_hash_size_and_commit(hub):
    found = get_hf_file_metadata(url_of(hub), endpoint=hub.endpoint)
    assert (found.etag, found.size) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert found.location.startswith(hub.cdn)
    response = get_session().get(url_of(hub), headers={"Range": "bytes=5-9", "Accept-Encoding": "identity"})
    assert (response.status_code, response.content) == (206, DATA[5:10]), "the range survives the redirect"
    assert response.history[0].headers["X-Linked-Etag"].strip('"') == found.etag


def test_the_token_comes_from_the_environment_and_does_not_follow_a_redirect(hub, monkeypatch):
    from huggingface_hub.utils import build_hf_headers

    monkeypatch.setenv("HF_TOKEN", "hf_token")
    headers = build_hf_headers()
    assert headers["authorization"] == "Bearer hf_token"
    get_session().get(url_of(hub), headers=headers)
    assert [(request.route, request.had_token) for request in hub.requests] == [("resolve", True), ("cdn", False)]


@pytest.mark.parametrize(
    ("repo", "revision", "name", "error"),
    [
        ("me/none", "main", "a.zip", RepositoryNotFoundError),
        (REPO, "v9", "a.zip", RevisionNotFoundError),
        (REPO, "main", "b.zip", RemoteEntryNotFoundError),
    ],
)
def test_what_is_missing_has_errors_of_its_own(hub, repo, revision, name, error):
    url = hf_hub_url(repo, name, repo_type="dataset", revision=revision, endpoint=hub.endpoint)
    with pytest.raises(error) as caught:
        hf_raise_for_status(get_session().get(url))
    assert isinstance(caught.value, HfHubHTTPError)


def test_gated_is_a_kind_of_not_found_and_must_be_asked_for_first(hub):
    hub.gate(REPO, "hf_token")
    with pytest.raises(GatedRepoError):
        hf_raise_for_status(get_session().get(url_of(hub)))
    assert issubclass(GatedRepoError, RepositoryNotFoundError)


def test_the_hubs_own_header_for_rate_limits_is_understood():
    info = parse_ratelimit_headers({"ratelimit": '"resolvers";r=0;t=55'})
    assert (info.remaining, info.reset_in_seconds) == (0, 55)


def test_errors_hold_the_signed_address(hub):
    hub.fail("status", status=500)
    with pytest.raises(HfHubHTTPError, match="sig="):
        hf_raise_for_status(get_session().get(url_of(hub)))


def test_the_transport_logs_addresses_at_info(hub, caplog):
    with caplog.at_level(logging.INFO), caplog.at_level(logging.INFO, logger="httpx2"):
        get_session().get(url_of(hub), headers={"Range": "bytes=0-0"})
    assert "sig=" in caplog.text, "silenced in io.hub"


def test_hf_hub_offline_stops_every_request_of_the_session(hub, tmp_path):
    script = f"from huggingface_hub.utils import get_session; get_session().get({url_of(hub)!r})"
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert "OfflineModeIsEnabled" in done.stderr
    assert not hub.requests


def test_offline_an_absent_file_is_called_not_found_locally(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LocalEntryNotFoundError):
        fetch(hub, tmp_path)
