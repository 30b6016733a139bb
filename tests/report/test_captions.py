"""What may be wrong with captions is counted, shown by its first clips, and never changed."""

import json
import re
from dataclasses import replace
from itertools import count, islice

import pandas as pd
import pyarrow as pa
import pytest
from data_roots import Clip, fill
from ftfy.badness import is_bad
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from video_assets.core.funnel import funnel_from_counts
from video_assets.core.json_values import read_value
from video_assets.core.schema import TRAINING
from video_assets.publish.publish import publish
from video_assets.report.captions import TokenizerError, caption_facts
from video_assets.report.report import write_report
from video_assets.report.rules.caption_lint import PATTERN_OF_MARKUP, has_markup, is_mojibake, scripts_of
from video_assets.report.rules.caption_record import CaptionRecord, WordCounts, captions_markdown
from video_assets.settings.model import Settings
from video_assets.settings.steps import Report
from video_assets.storage.grouping import starts_group
from video_assets.storage.tables import write_table

ODD = {
    "refusal": [
        "I cannot describe this video.",
        "I'm sorry, but there is nothing to see",
        "As an AI language model, I see frames",
        "The frames were not provided, so here is a guess",
        "抱歉, 无法提供描述",
    ],
    "markup": [
        "<p>a dog</p>",
        "**A dog** runs",
        "a dog &amp; a cat",
        "a dog<|im_end|>",
        "## Caption\na dog",
        "see https://example.org/dog",
        "[INST] describe [/INST] a dog",
        "```a dog```",
    ],
    "mojibake": ["the dogâ€™s ball", "cafÃ© by the sea", "a dog\ufffd runs"],
}
PLAIN = [
    "A dog runs; its owner can't keep up.",
    "a sign that says 5 < 6 & more",
    "The price is $5 * 2 = 10, about 20°C",
    "a café in São Paulo, naïve & “quoted” — with a dash…",
    "She apologises to an audience",
    "snake_case and a #hashtag",
    "ein Hund läuft über die Straße",
    "a dog 🐕 runs 👍🏽",
]


def facts(tmp_path, texts, **settings):
    numbers = {"num_frames": 1, "height": 2, "width": 2, "aspect_ratio": 1.0, "fps": 1.0, "resolution": 4, "file_size": 1}
    rows = pd.DataFrame({"path": [f"/clips/{i:06d}.mp4" for i in range(len(texts))], "text": texts, **numbers})
    write_table(tmp_path / "t.parquet", TRAINING, rows.convert_dtypes(dtype_backend="pyarrow"))
    return caption_facts(tmp_path / "t.parquet", funnel_from_counts(len(texts), {}), Report(**settings)).record


def clips_of(record):
    return {name: finding.clips for name, finding in record.findings.items() if finding.clips}


def texts_of(record, name):
    return [example.text for example in record.findings[name].examples]


@pytest.mark.parametrize("kind", ODD)
def test_each_odd_caption_is_found_for_what_it_is(tmp_path, kind):
    for text in ODD[kind]:
        assert kind in clips_of(facts(tmp_path, [*PLAIN, text])), text


def test_plain_captions_are_left_alone(tmp_path):
    found = facts(tmp_path, PLAIN)
    assert clips_of(found) == {}
    assert list(found.findings) == ["repeated", "refusal", "markup", "mojibake", "other_script"]
    assert not any(map(is_mojibake, PLAIN))


BAD = [*ODD["mojibake"], "Â ", "Ã", "\u00d7", "à²", "ГўВЂВ™a", "A°", "√©", "œ", "\n", "a dog runs after its ball, ", "1234567"]


@given(st.lists(st.sampled_from(BAD) | st.text(max_size=9), max_size=8).map("".join))
def test_mojibake_is_what_ftfy_says_whatever_stands_around_it(text):
    assert is_mojibake(text) == ("\ufffd" in text or bool(is_bad(text)))


MARKS = [
    "<",
    "/",
    "p>",
    "<|",
    "|>",
    "&",
    "#39;",
    "amp;",
    "**",
    "_",
    "__",
    "`",
    "```",
    "\n",
    "# ",
    "[",
    "](",
    ")",
    "INST]",
    "{",
    "}}",
    "http",
]


@given(st.lists(st.lists(st.sampled_from([*MARKS, "s://", "a", " "]), max_size=8).map("".join)))
def test_markup_is_what_the_whole_pattern_finds(texts):
    found = has_markup(pa.array(texts, pa.string()))
    assert found.tolist() == [bool(re.search(PATTERN_OF_MARKUP, text)) for text in texts]


def test_a_script_is_another_one_when_few_captions_have_it(tmp_path):
    english = [f"a dog runs for the {n}. time" for n in range(18)]
    found = facts(tmp_path, [*english, "собака бежит", "a 狗 runs"])
    assert clips_of(found)["other_script"] == 2
    assert found.other_scripts == {"Cyrillic": 1, "Han": 1}
    assert texts_of(found, "other_script") == ["собака бежит", "a 狗 runs"]
    # Latin names in Chinese captions are no odd script where many have them.
    chinese = [f"一只狗在跑 {n} {'NBA' if n % 3 == 0 else ''}" for n in range(18)]
    assert clips_of(facts(tmp_path, [*chinese, "a dog runs"])) == {}
    assert clips_of(facts(tmp_path, [*chinese, "собака"]))["other_script"] == 1


def test_digits_and_emoji_have_no_script():
    assert scripts_of("2 + 3 = 5 🐕 ½ …") == frozenset()
    assert scripts_of("犬がいる。カメラ") == {"Hani", "Hira", "Kana"}


def test_repeated_captions_are_counted_with_the_commonest_first_shown(tmp_path):
    found = facts(tmp_path, ["a", *["b c"] * 5, *["d"] * 2, "e  f"])
    assert clips_of(found) == {"repeated": 7}
    assert (found.clips, found.different) == (9, 4)
    assert texts_of(found, "repeated") == ["b c", "d"]
    assert found.words == WordCounts(least=1, median=2, p95=2, most=2)


def test_findings_are_the_same_however_many_row_groups_there_are(tmp_path):
    texts = [f"a dog runs for the {n}. time" for n in range(40_000)]
    for row in (5, 20_000, 39_999):
        texts[row] = f"I cannot describe number {row}"
    found = facts(tmp_path, texts)
    assert clips_of(found) == {"refusal": 3}
    assert [each.path for each in found.findings["refusal"].examples] == [f"/clips/{row:06d}.mp4" for row in (5, 20_000, 39_999)]


def test_too_many_words_and_tokens_are_told_where_the_settings_say_so(tmp_path):
    words = {"vocab": {"a": 0, "dog": 1, "?": 2}, "unk_token": "?"}
    tokenizer = Tokenizer(WordLevel(**words))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    limits = {"max_caption_words": 3, "max_caption_tokens": 4, "tokenizer": tmp_path / "tokenizer.json"}
    found = facts(tmp_path, ["a dog", "a dog, a dog", "a, dog. a", "a dog a"], **limits)
    assert clips_of(found) == {"too_many_words": 1, "too_many_tokens": 2}
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json is no readable tokenizer"):
        facts(tmp_path, ["a"], **limits)


def test_a_token_limit_needs_a_tokenizer():
    with pytest.raises(ValueError, match="max_caption_tokens and tokenizer go together"):
        Settings(data_root="x", report={"max_caption_tokens": 226})


def test_the_report_tells_of_captions_in_json_and_words_and_changes_none(tmp_path):
    texts = ["a dog runs", "As an AI, I cannot", "| a `table`\n<b>of</b> [x] # y |"]
    layout, settings = fill(tmp_path, [Clip(f"{n}.mp4", text=text) for n, text in enumerate(texts)])
    table = publish(layout, settings).table
    before = table.read_bytes()
    first, again = write_report(layout, settings, meanings={}), write_report(layout, settings, meanings={})
    written = json.loads((layout.report / "captions.json").read_text())
    assert first.captions == again.captions == read_value(CaptionRecord, written)
    assert written["findings"]["refusal"] == {"clips": 1, "examples": [{"path": "/clips/own_clips/1.mp4", "text": texts[1]}]}
    assert clips_of(first.captions) == {"refusal": 1, "markup": 1}
    assert table.read_bytes() == before
    page = captions_markdown(first.captions)
    (row,) = [line for line in page.splitlines() if line.startswith("| markup")]
    assert "2.mp4: \\| a \\`table\\` &lt;b&gt;of&lt;/b&gt; \\[x\\] \\# y \\|" in row
    assert "1.mp4: As an AI, I cannot" in first.page.read_text()
    assert "&lt;b&gt;of&lt;/b&gt;" in first.page.read_text()
    limited = settings.model_copy(update={"report": Report(max_caption_words=2)})
    assert clips_of(write_report(layout, limited, meanings={}).captions)["too_many_words"] == 3


_NAMES = (f"{number:06}.mp4" for number in count())
BORDERS = list(islice((name for name in _NAMES if starts_group(f"own_clips/{name}")), 4))
VARIED = [
    Clip(name.replace(".mp4", tail), text=text)
    for name, more in zip(BORDERS, zip(*[iter([*ODD["markup"], *ODD["mojibake"], "собака"])] * 3, strict=True), strict=True)
    for tail, text in zip((".mp4", "a.mp4", "b.mp4", "c.mp4"), (*more, "I cannot"), strict=True)
]


def of_version(root, clips, **settings):
    """The record of a version as it comes out with the memory of the ones before, and without any."""
    layout, published = fill(root, clips, training={"duplicates": "keep"})
    publish(layout, published)
    about = (layout.training_table("training"), funnel_from_counts(len(clips), {}), Report(**settings))
    with_memory = caption_facts(*about, memory=layout.caption_marks).record
    assert with_memory == caption_facts(*about).record
    return layout.caption_marks, with_memory


def test_what_was_found_before_is_the_same_when_it_is_remembered(tmp_path):
    _, first = of_version(tmp_path, VARIED)
    assert clips_of(first)["refusal"] == 4
    new = [*VARIED[1:-1], replace(VARIED[-1], text="**bold** and plain"), Clip(BORDERS[2].replace(".mp4", "d.mp4"), text="Ã©")]
    memory, second = of_version(tmp_path, new)
    assert clips_of(second)["refusal"] == 3
    _, limited = of_version(tmp_path, new, max_caption_words=2)
    assert clips_of(limited)["too_many_words"] > 0
    memory.write_bytes(memory.read_bytes()[:-100])
    assert of_version(tmp_path, new)[1] == second


def test_captions_of_a_row_group_that_stays_are_not_looked_at_again(tmp_path):
    memory, _ = of_version(tmp_path, VARIED)
    with pa.ipc.open_file(memory.read_bytes()) as file:
        rows = file.read_all()
    told = [text.replace('"refusal": [1, [3]]', '"refusal": [5, [3]]') for text in rows.column("marks").to_pylist()]
    marked = rows.set_column(rows.column_names.index("marks"), "marks", [told])  # shows what is taken from there
    with pa.ipc.new_file(memory, marked.schema) as out:
        out.write_table(marked)
    layout, settings = fill(tmp_path, VARIED[:-1], training={"duplicates": "keep"})
    publish(layout, settings)
    table, counted = layout.training_table("training"), funnel_from_counts(len(VARIED) - 1, {})
    found = caption_facts(table, counted, memory=memory)
    assert clips_of(found.record)["refusal"] == 5 * (len(rows) - 1)
    with pa.ipc.open_file(memory.read_bytes()) as file:
        assert file.num_record_batches == len(rows)


def test_a_table_without_captions_is_no_trouble(tmp_path):
    found = facts(tmp_path, [])
    assert found.words == WordCounts(least=0, median=0, p95=0, most=0)
    assert clips_of(found) == {}
