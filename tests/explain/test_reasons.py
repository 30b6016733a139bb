"""One vocabulary of reasons, and one page that explains it."""

from pathlib import Path

from video_assets.explain.reasons import REASONS, Reason

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def test_the_docs_explain_every_reason_in_the_words_of_the_program_and_say_who_gives_it():
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = {
        cells[1].strip("`"): Reason(tuple(cells[0].removeprefix("| ").split(" or ")), cells[2].removesuffix(" |"))
        for cells in rows
        if len(cells) == 3 and cells[1].startswith("`")
    }
    assert told == REASONS
