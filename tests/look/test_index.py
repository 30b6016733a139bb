"""What the page makes of the tables: words, orders, keys, and the copy that is kept for the next start."""

import errno
import threading
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_roots import Clip, fill_once
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from video_assets.look.build import ROWS_PER_CHUNK, build
from video_assets.look.catalogue import Catalogue
from video_assets.look.clip import MAX_TEXT, card
from video_assets.look.files import Texts
from video_assets.look.index import Index, WordsNotReadyError
from video_assets.look.numbers import first, shuffled
from video_assets.look.rules import Ask, Order
from video_assets.look.security import access_of
from video_assets.look.server import application
from video_assets.look.tables import find_files
from video_assets.look.words import Words, write_words
from video_assets.publish.publish import publish
from video_assets.settings import Settings
from video_assets.storage.layout import Layout


def indexed(captions: list[str], folder: Path) -> Words:
    with pa.ipc.new_file(str(folder / "texts.arrow"), pa.schema([("text", pa.string())])) as file:
        file.write_table(pa.table({"text": pa.array(captions, pa.string())}), max_chunksize=256)
    assert write_words(Texts(folder), folder, threading.Event())
    return Words(folder, len(captions))


ALPHABET = "aAbBéÉß İı\u00a0\u2003\t\n.,'7\u0301\u202e語"


def has(text: str, word: str) -> bool:
    """What the index is to find: a part; of one letter or digit, a whole word."""
    text, word = (pa.compute.utf8_lower(pa.scalar(each)).as_py() for each in (text, word))
    if len(word) > 1 or not word.isalnum() or word == "語":
        return word in text
    around = [unicodedata.category(sign)[0] in "LNM" for sign in f" {text} "]
    return any(
        sign == word and not around[place] and not around[place + 2] for place, sign in enumerate(text)
    )  # fmt: skip


@given(st.lists(st.text(ALPHABET, max_size=12), max_size=20), st.text(ALPHABET, min_size=1, max_size=6))
def test_words_are_found_where_they_are_part_of_a_caption(tmp_path_factory, captions, asked):
    words = indexed(captions, tmp_path_factory.mktemp("words"))
    for word in asked.split():
        assert words.find([word]).tolist() == [has(text, word) for text in captions]


def test_one_letter_or_digit_is_a_whole_word_and_one_sign_of_a_language_without_spaces_is_not(tmp_path):
    words = indexed(["A cat", "a5 paper", "(5) cats", "cafe\u0301 e-bike", "红色汽车", "Шар и я"], tmp_path)
    found = {word: np.flatnonzero(words.find([word])).tolist() for word in ("a", "5", "e", "车", "и", "-", "(")}
    assert found == {"a": [0], "5": [2], "e": [3], "车": [4], "и": [5], "-": [3], "(": [2]}


@pytest.mark.parametrize("held_bytes", [1, 64 << 20], ids=["a vocabulary for each", "one for all"])
def test_words_of_more_clips_than_one_batch_holds(tmp_path, monkeypatch, held_bytes):
    monkeypatch.setattr("video_assets.look.words._VOCABULARY_BYTES", held_bytes)
    n = 2 * ROWS_PER_CHUNK + 7
    words = indexed([f"clip {number} " + ("Red car" if number % 1000 == 3 else "dog") for number in range(n)], tmp_path)
    assert np.flatnonzero(words.find(["CAR", "re"])).tolist() == list(range(3, n, 1000))
    assert np.flatnonzero(words.find([f"{n - 1}"])).tolist() == [n - 1]
    assert not words.find(["car", "dog"]).any()


numbers = st.floats(-5, 5).map(round) | st.just(float("nan"))


@given(st.lists(numbers, max_size=30), st.integers(0, 35), st.booleans())
def test_the_first_of_an_order_are_those_of_the_whole_order(values, n, is_descending):
    keys = np.array(values, float) * (-1 if is_descending else 1)
    rows = np.arange(len(values)) * 3
    whole = sorted(range(len(values)), key=lambda place: (np.isnan(keys[place]), 0 if np.isnan(keys[place]) else keys[place]))
    assert first(rows, keys, n).tolist() == [3 * place for place in whole][:n]


def test_seeds_shuffle_without_a_pattern():
    rows = np.arange(10_000)
    orders = [np.argsort(shuffled(rows, seed)) for seed in (0, 1, 999_999)]
    for order in orders:
        assert abs(np.corrcoef(order, rows)[0, 1]) < 0.05
    assert abs(np.corrcoef(orders[0], orders[1])[0, 1]) < 0.05


def test_clips_are_found_by_key_where_ledgers_are_not_in_the_order_of_keys(tmp_path):
    layout, settings = fill_once(
        tmp_path, [Clip(f"{number:03}.mp4", text=f"text {number}", num_frames=10 + number) for number in range(300)]
    )
    (ledger,) = find_files(layout, settings).ledgers
    rows = pq.read_table(ledger)
    order = np.random.default_rng(0).permutation(len(rows))
    pq.write_table(rows.take(pa.array(order)), ledger, row_group_size=77)
    folder = tmp_path / "index"
    folder.mkdir()
    files = find_files(layout, settings)
    build(files, folder)
    index = Index(folder, files.stamp)
    for number in (0, 7, 150, 299):
        clip = index.find(f"own_clips/{number:03}.mp4")
        assert clip is not None
        assert (clip.text, clip.status, clip.numbers["num_frames"]) == (f"text {number}", "pending", 10 + number)
    assert index.find("own_clips/300.mp4") is None
    assert index.find("") is None
    assert sorted(clip.clip_key for clip in index.page(Ask(), Order(limit=240))) == sorted(
        f"own_clips/{number:03}.mp4" for number in order[:240]
    )


@pytest.fixture
def root(tmp_path: Path) -> tuple[Layout, Settings]:
    layout, settings = fill_once(tmp_path / "data", [Clip("a.mp4", text="a red car"), Clip("b.mp4", text="a dog")])
    publish(layout, settings)
    return layout, settings


CATALOGUES: list[Catalogue] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Catalogues remove their temporary folders at the end of a test."""
    yield
    while CATALOGUES:
        CATALOGUES.pop().close()


def catalogue_of(layout: Layout, settings: Settings) -> Catalogue:
    CATALOGUES.append(Catalogue(layout, lambda: settings))
    CATALOGUES[-1].refresh()
    return CATALOGUES[-1]


def read(layout: Layout, settings: Settings) -> Index:
    catalogue = catalogue_of(layout, settings)
    assert catalogue.trouble == ""
    assert catalogue.index is not None
    assert [clip.clip_key for clip in catalogue.index.page(Ask(words=("CAR",)), Order())] == ["own_clips/a.mp4"]
    return catalogue.index


def kept(layout: Layout) -> list[Path]:
    return sorted(layout.look_tables.glob("*/*.arrow"))


def test_what_is_kept_is_used_by_the_next_start_and_only_for_the_same_tables(root, monkeypatch):
    layout, settings = root
    read(layout, settings)
    first_copy = kept(layout)
    assert len(first_copy) == 7
    with monkeypatch.context() as without:
        without.setattr("video_assets.look.catalogue.build", None)  # not called
        read(layout, settings)
    ledger = find_files(layout, settings).ledgers[0]
    pq.write_table(pq.read_table(ledger).slice(0, 1), ledger)
    assert read(layout, settings).n_clips == 1
    assert len(kept(layout)) == 7
    assert not {path.parent for path in kept(layout)} & {path.parent for path in first_copy}


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "list"])
def test_a_copy_that_is_not_whole_is_made_again(root, damage):
    layout, settings = root
    read(layout, settings)
    victim = kept(layout)[0]
    if damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-9])
    elif damage == "changed":
        victim.write_bytes(bytes(victim.stat().st_size))
    elif damage == "missing":
        victim.unlink()
    else:
        (victim.parent / "files.json").write_text('{"names.arrow": ')
    read(layout, settings)
    assert victim.read_bytes()[:6] == b"ARROW1", "there is a whole one again"
    read(layout, settings)


def test_what_a_kill_left_of_a_copy_is_gone_with_the_next(root):
    layout, settings = root
    read(layout, settings)
    place = kept(layout)[0].parent
    (place / "files.json").unlink()
    (place / ".draft-rows.arrow-1-ab").write_bytes(b"half")
    read(layout, settings)
    assert sorted(path.suffix for path in place.iterdir()) == [*[".arrow"] * 7, *[".json"] * 2]


def test_a_data_root_that_cannot_be_written_to_is_shown_all_the_same(root):
    layout, settings = root
    layout.look_tables.parent.mkdir()
    layout.look_tables.write_text("in the way")
    read(layout, settings)
    assert layout.look_tables.read_text() == "in the way"


def test_without_an_index_of_words_the_clips_are_shown_and_the_page_says_what_to_do(root, monkeypatch):
    layout, settings = root

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("video_assets.look.catalogue.write_words", full)
    index = catalogue_of(layout, settings).index
    assert index is not None
    assert len(index.page(Ask(), Order())) == 2
    assert not index.are_words_coming
    with pytest.raises(WordsNotReadyError, match=r"until this page is started again.*No space left on device.*TMPDIR"):
        index.page(Ask(words=("car",)), Order())
    assert kept(layout) == []


def test_a_caption_is_shown_from_before_the_word_that_was_asked(root):
    layout, settings = root
    index = read(layout, settings)
    clip = replace(index.clip(0), text="it goes on and on " * 100 + "to a Zebra " + "and on " * 100)
    shown = str(card(clip, ("zebra", "nowhere"), is_excluded=False)["text"])
    assert shown.startswith("…")
    assert 10 < shown.index("Zebra") < 40
    assert len(shown) == MAX_TEXT + 1
    assert card(clip, is_excluded=False)["text"] == clip.text[:MAX_TEXT]
    assert card(clip, ("it",), is_excluded=False)["text"] == clip.text[:MAX_TEXT]


def test_searches_for_words_that_are_not_there_yet_do_not_hold_the_server(root, monkeypatch):
    """More of them than the server has threads, three times over; each once waited for a minute."""
    layout, settings = root
    is_over = threading.Event()
    monkeypatch.setattr("video_assets.look.catalogue.write_words", lambda *_: not is_over.wait(300))
    app = application(layout, lambda: settings, access_of("127.0.0.1", "", url=None), can_edit=False)
    with TestClient(app, base_url="http://127.0.0.1") as client, ThreadPoolExecutor(120) as visitors:
        try:
            while client.get("/api/state").json()["tables"] is None:
                time.sleep(0.1)
            begun = time.monotonic()
            searches = [visitors.submit(client.get, f"/api/clips?words=car{number}") for number in range(120)]
            assert client.get("/api/state").status_code == 200
            assert {search.result().status_code for search in searches} == {503}
            assert time.monotonic() - begun < 100
        finally:
            is_over.set()
