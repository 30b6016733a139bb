"""Cron expressions, time zones and reasons are refused where they are set."""

import re
from zoneinfo import available_timezones

import pytest
from dagster._utils.schedules import is_valid_cron_schedule
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from video_assets.core.verdicts import REASONS
from video_assets.settings.model import Settings
from video_assets.settings.problems import describe

FIELDS = Settings.model_json_schema()["$defs"]["Automation"]["properties"]
CRON, ZONE = (re.compile(FIELDS[name]["pattern"]) for name in ("nightly_cron", "timezone"))


def refusal(**sections):
    with pytest.raises(ValidationError) as refused:
        Settings(**sections)
    [problem] = describe(refused.value)
    return problem


@pytest.mark.parametrize(
    "text", ["0 1 * * *", "*/15 0-6,22 1,L * mon-fri", "5 4 * jan,JUN SUN", "0 0 1-15/2 12 7", "@daily", "0 9 * * 1#2"]
)
def test_what_dagster_takes_is_taken(text):
    assert is_valid_cron_schedule(text)
    assert Settings(automation={"nightly_cron": text}).automation.nightly_cron == text
    assert CRON.search(text)


@pytest.mark.parametrize(
    "text", ["abc", "", "0 1 * *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 * 13 *", "* * * * * *", "@reboot", "*/0 * * * *"]
)
def test_what_is_no_cron_expression_is_refused_in_words(text):
    for section in ("automation", "miradata"):
        problem = refusal(**{section: {"nightly_cron": text}})
        assert problem.startswith(f"setting {section}.nightly_cron: {text!r} is no cron expression: write minute, hour")
    assert not CRON.search(text)


_numbers = st.integers(0, 62).map(str)
_parts = st.one_of(st.just("*"), _numbers, st.tuples(_numbers, _numbers).map("-".join), _numbers.map("*/{}".format))


@given(st.lists(st.lists(_parts, min_size=1, max_size=2).map(",".join), min_size=4, max_size=6).map(" ".join))
def test_what_dagster_refuses_is_refused(text):
    if CRON.search(text):
        assert is_valid_cron_schedule(text)


def test_every_time_zone_of_this_machine_is_taken_by_the_charts_schema():
    strange = {"localtime", "posixrules", "Factory"}
    assert [name for name in available_timezones() - strange if not ZONE.search(name)] == []


@pytest.mark.parametrize("name", ["Mars/Base", "", "America", "../etc/passwd", "Europe/Berlin/x"])
def test_a_time_zone_that_does_not_exist_is_refused_in_words(name):
    problem = refusal(automation={"timezone": name})
    assert problem == f"setting automation.timezone: there is no time zone {name!r}: write an IANA name, as UTC or Europe/Berlin"


def test_a_reason_that_does_not_exist_is_refused_with_those_that_do():
    assert Settings(decode={"tolerated_reasons": sorted(REASONS)}).decode.tolerated_reasons == tuple(sorted(REASONS))
    assert "no clip is bad because of 'blah'; the reasons are changing_size, corrupt_audio" in refusal(
        decode={"tolerated_reasons": ["timestamps", "blah"]}
    )
