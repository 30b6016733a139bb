"""MiraData's table from the hub: verified, fetched once, again when the hub has another."""

import pytest
from hub_server import FakeHub
from mira_tables import v1_row, write_v1

from video_assets.core.fetch_errors import FetchError, NotOnHubError
from video_assets.settings.sources import MiraData
from video_assets.sources.miradata.listing import read_batch, read_listing, refresh_listing
from video_assets.storage.layout import Layout

TABLE = "miradata_v1_9k.csv"
MIRADATA = MiraData(is_enabled=True, csv=TABLE)


@pytest.fixture
def hub(monkeypatch):
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def rows(folder, n_rows):
    folder.mkdir(exist_ok=True)
    listed = [v1_row(f"{number}.0", f"https://example.com/{number}.mp4", 0.0, 1.0) for number in range(n_rows)]
    return write_v1(folder / TABLE, listed).read_bytes()


def test_the_table_is_fetched_once_and_again_when_it_has_changed(tmp_path, hub):
    hub.commit(MIRADATA.repo, {TABLE: rows(tmp_path / "a", 2)})
    layout = Layout(tmp_path / "data")
    first = refresh_listing(layout, MIRADATA)
    assert len(read_batch(layout, "mira_000000")) == 2
    hub.reset_counts()
    assert refresh_listing(layout, MIRADATA) == first
    assert hub.bytes_sent(TABLE) == 0
    hub.commit(MIRADATA.repo, {TABLE: rows(tmp_path / "b", 3)})
    assert refresh_listing(layout, MIRADATA).revision != first.revision
    assert [len(read_batch(layout, name)) for name in read_listing(layout).batches] == [2, 1]


def test_a_damaged_table_is_refused_and_the_listing_before_stays(tmp_path, hub):
    hub.commit(MIRADATA.repo, {TABLE: rows(tmp_path / "a", 2)})
    layout = Layout(tmp_path / "data")
    refresh_listing(layout, MIRADATA)
    hub.commit(MIRADATA.repo, {TABLE: rows(tmp_path / "b", 3)})
    hub.fail("corrupt", path=TABLE, at=20, times=10)
    with pytest.raises(FetchError, match=TABLE):
        refresh_listing(layout, MIRADATA)
    assert len(read_batch(layout, "mira_000000")) == 2


def test_a_table_that_the_hub_does_not_have_is_named_with_those_that_it_has(tmp_path, hub):
    hub.commit(MIRADATA.repo, {"miradata_v1_42k.csv": b"x"})
    with pytest.raises(NotOnHubError, match=r"miradata_v1_9k.csv: no such file .*its tables: miradata_v1_42k.csv"):
        refresh_listing(Layout(tmp_path / "data"), MIRADATA)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("short 1.0,", "a cat, sitting,", "19 fields where the header has 18"),
        (",the camera stands still", "", "17 fields where the header has 18"),
        ("short 1.0", '"short 1.0', "is a quote not closed there"),
        ("short 1.0", '"a "short" one"', "is a quote not closed there"),
    ],
)
def test_a_row_that_is_none_gives_no_clip_a_wrong_caption_and_takes_no_other_row(tmp_path, before, after, words):
    listed = [v1_row(f"{number}.0", f"https://example.com/{number}.mp4", 0.0, 1.0) for number in range(4)]
    table = write_v1(tmp_path / TABLE, listed)
    lines = table.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace(before, after)
    table.write_text("".join(lines))
    layout = Layout(tmp_path / "data")
    listing = refresh_listing(layout, MiraData(is_enabled=True, csv=str(table)))
    assert (listing.n_rows, listing.reasons) == (4, {"invalid_row": 1})
    assert listing.problems[0].startswith("line 3: ")
    assert words in listing.problems[0]
    assert read_batch(layout, "mira_invalid")["clip_key"].tolist() == ["miradata/mira_invalid/line-000000003"]
    assert [text for name in listing.batches for text in read_batch(layout, name)["text"]] == [
        *(f"dense {number}.0, with a comma" for number in (0, 2, 3)),
        "",
    ]
