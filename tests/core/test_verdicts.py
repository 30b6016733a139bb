"""The vocabulary of verdicts."""

from pathlib import Path

from video_assets.core.verdicts import REASONS, VERDICTS, is_dropped


def test_only_good_clips_and_tolerated_reasons_are_kept():
    assert not is_dropped("good", "")
    assert is_dropped("bad", "timestamps")
    assert not is_dropped("bad", "timestamps", ("timestamps",))
    for verdict in VERDICTS.keys() - {"good", "bad"}:
        assert is_dropped(verdict, "", tuple(REASONS))


def test_every_word_of_the_vocabulary_says_what_it_means_and_what_to_do():
    for name, reason in REASONS.items():
        assert name.isidentifier()
        assert reason.meaning
        assert reason.advice


def test_the_documented_vocabulary_is_that_of_the_program():
    page = (Path(__file__).parents[2] / "docs" / "decode-check.md").read_text()
    verdicts = [f"| `{name}` | {meaning} |" for name, meaning in VERDICTS.items()]
    reasons = [f"| `{name}` | {reason.meaning} | {reason.advice} |" for name, reason in REASONS.items()]
    for head, rows in (("| verdict | meaning |", verdicts), ("| reason of a bad clip | meaning | what to do |", reasons)):
        assert page.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines()[1:] == rows
