"""What the UI shows of results."""

from pathlib import Path

import dagster as dg
import pandas as pd

from video_assets.core.funnel import Drop, Funnel
from video_assets.core.verdicts import OFTEN_HARMLESS, REASONS
from video_assets.defs.describe import look_metadata, report_metadata
from video_assets.report.readers import COLUMNS, reader_table
from video_assets.report.report import Report
from video_assets.report.rules.caption_record import CaptionRecord, WordCounts


def test_the_report_says_what_often_harmless_reasons_cost_and_what_the_pictures_looked_like():
    funnel = Funnel(kept=5, drops=(Drop("decode_check", "reference_frames", 3),))
    captions = CaptionRecord(clips=5, different=5, words=WordCounts(1, 1, 2, 2), findings={}, other_scripts={})
    readers = reader_table(pd.DataFrame(columns=COLUMNS))
    report = Report(page=Path("page.html"), funnel=funnel, pictures={}, readers=readers, captions=captions)
    table = report_metadata(report)["dropped_for_often_harmless"].value
    assert "| reference_frames | 3 | whole in all 19 clips cut at an open GOP, in 4 of 189" in table
    assert "| last_audio_packet | 0 |" in table
    assert OFTEN_HARMLESS.keys() <= REASONS.keys()


def test_the_link_to_the_clips_is_there_to_click():
    """The UI hides Markdown behind a button, an address it shows."""
    assert look_metadata("https://clips.example.org", 3, status="dropped") == {
        "look": dg.MetadataValue.url("https://clips.example.org/?status=dropped")
    }
    assert look_metadata("https://clips.example.org", 0) == look_metadata(None, 3) == {}
