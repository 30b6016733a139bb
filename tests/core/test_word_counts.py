"""Words are counted as Python splits, whatever white space and alphabet a caption has, and wherever a column is cut."""

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from video_assets.core.word_counts import word_counts

WHITE = "".join(filter(str.isspace, map(chr, range(0x11_0000))))
TEXTS = st.lists(
    st.none() | st.text(st.sampled_from(WHITE + "aé“漢😀\u200b\u3002\u180e\u2060‧\x1b\x08") | st.characters(codec="utf-8")),
    max_size=12,
)


@given(texts=TEXTS, start=st.integers(0, 12))
@example(texts=[], start=0)
@example(texts=["", " ", None], start=0)
@example(texts=[*WHITE, WHITE, WHITE.join("abc")], start=1)
@example(texts=["ends\u3000", "with", "\u2003white", "space"], start=0)
def test_words_are_those_of_pythons_split(texts, start):
    column = pa.array(texts, pa.string()).slice(start)
    assert word_counts(column).tolist() == [len((text or "").split()) for text in texts[start:]]


def test_a_null_has_no_words_whatever_bytes_stand_in_its_place():
    whole = pa.array(["two words", "lost for ever", "one"])
    with_null = pa.StringArray.from_buffers(3, *whole.buffers()[1:], pa.py_buffer(b"\x05"))
    assert with_null.to_pylist() == ["two words", None, "one"]
    assert word_counts(with_null).tolist() == [2, 0, 1]


def test_long_columns_are_counted_to_their_end():
    texts = ["dog " * (number % 7) for number in range(5_000)]
    assert word_counts(pa.array(texts, pa.string())).tolist() == [number % 7 for number in range(5_000)]
