"""Alerts: a real receiver on this machine gets one message about what is new; one that hangs or refuses stops nothing."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest

from video_assets.alerts.messages import Alert, message
from video_assets.alerts.webhook import WebhookError, post_json
from video_assets.defs.alerts import WEBHOOK_VARIABLE, alerts_sensor
from video_assets.settings.model import Settings


class Receiver:
    """What was posted, and how it is answered."""

    def __init__(self):
        self.taken, self.answers, self.hang_s = [], [], 0.0


@contextmanager
def receiver():
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(state.hang_s)
            code = state.answers.pop(0) if state.answers else 200
            if code == 200:
                state.taken.append(json.loads(body))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}/secret-path?token=secret-token"
        yield state
        server.shutdown()


@dg.asset
def shaky(context):
    if not context.run.tags.get("good"):
        raise dg.Failure("the mount /nfs/clips is gone: mend it")


@dg.asset
def training_csv():
    return None


@dg.asset_check(asset=training_csv)
def drop_rate():
    return dg.AssetCheckResult(passed=False, description="60 % of the clips dropped")


DEFS = dg.Definitions(assets=[shaky, training_csv], asset_checks=[drop_rate], jobs=[dg.define_asset_job("publish", "*shaky")])
SENSOR = alerts_sensor(Settings(automation={"ui_url": "http://ui"}))


def tick(instance, cursor=None):
    with dg.build_sensor_context(instance=instance, cursor=cursor, definitions=DEFS) as context:
        result = SENSOR(context)
    assert not result.run_requests
    return result


def fail(instance, **tags):
    return dg.materialize([shaky], instance=instance, tags=tags, raise_on_error=False).run_id


def test_a_failed_run_is_told_once_with_its_own_words_and_old_ones_are_not(monkeypatch):
    with receiver() as hook, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK_VARIABLE, hook.url)
        fail(instance)
        first = tick(instance)
        assert (first.skip_reason.skip_message, hook.taken) == ("nothing to tell", [])
        run_id = fail(instance)
        second = tick(instance, first.cursor)
        [posted] = hook.taken
        assert posted["alerts"] == [
            {
                "kind": "run_failed",
                "subject": "__ephemeral_asset_job__",
                "detail": "the mount /nfs/clips is gone: mend it",
                "url": f"http://ui/runs/{run_id}",
            }
        ]
        assert "the mount /nfs/clips is gone: mend it" in posted["text"]
        assert tick(instance, second.cursor).skip_reason.skip_message == "nothing to tell"
        assert len(hook.taken) == 1


def test_many_failures_are_one_message_and_runs_that_start_again_by_themselves_are_none_unless_a_node_is_ill(monkeypatch):
    with receiver() as hook, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK_VARIABLE, hook.url)
        start = tick(instance).cursor
        for _ in range(3):
            fail(instance)
        fail(instance, **{"dagster/will_retry": "true"})
        fail(instance, **{"dagster/will_retry": "true", "video_assets/ill_node": "node-7"})
        tick(instance, start)
        assert [len(posted["alerts"]) for posted in hook.taken] == [4]


def test_a_failed_check_is_told_once_per_failure(monkeypatch):
    with receiver() as hook, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK_VARIABLE, hook.url)
        cursor = tick(instance).cursor
        for n_told in (1, 2):
            dg.materialize([training_csv, drop_rate], instance=instance)
            cursor = tick(instance, cursor).cursor
            cursor = tick(instance, cursor).cursor
            assert len(hook.taken) == n_told
        [alert] = hook.taken[0]["alerts"]
        assert (alert["kind"], alert["subject"], alert["detail"]) == (
            "check_failed",
            "training_csv: drop_rate",
            "60 % of the clips dropped",
        )


def test_a_stale_csv_is_told_and_that_it_is_fresh_again(monkeypatch):
    from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

    def report(instance, state, before):
        change = FreshnessStateChange(
            key=dg.AssetKey("training_csv"), new_state=state, previous_state=before, state_change_timestamp=time.time()
        )
        instance._report_runless_asset_event(change)  # as the freshness daemon does

    with receiver() as hook, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK_VARIABLE, hook.url)
        cursor = tick(instance).cursor
        report(instance, FreshnessState.FAIL, FreshnessState.PASS)
        cursor = tick(instance, cursor).cursor
        cursor = tick(instance, cursor).cursor
        report(instance, FreshnessState.PASS, FreshnessState.FAIL)
        tick(instance, cursor)
        assert [posted["alerts"][0]["kind"] for posted in hook.taken] == ["csv_stale", "csv_fresh_again"]


def test_what_is_not_delivered_is_tried_at_the_next_ticks_and_then_let_go(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    with receiver() as hook, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK_VARIABLE, hook.url)
        cursor = tick(instance).cursor
        fail(instance)
        hook.answers = [500] * 3
        failed = tick(instance, cursor)
        assert "1 alerts not delivered: the webhook did not take the message: it answered 500" in str(failed.skip_reason)
        tick(instance, failed.cursor)
        assert len(hook.taken) == 1
        fail(instance)
        cursor, ticks = failed.cursor, 0
        while '"attempts": 0' not in cursor:
            hook.answers = [400]
            cursor = tick(instance, cursor).cursor
            ticks += 1
        assert ticks == 9
        assert tick(instance, cursor).skip_reason.skip_message == "nothing to tell"


def test_without_a_webhook_the_sensor_says_so_and_is_off():
    with dg.DagsterInstance.ephemeral() as instance:
        assert WEBHOOK_VARIABLE in tick(instance).skip_reason.skip_message
    assert alerts_sensor(Settings()).default_status is dg.DefaultSensorStatus.STOPPED


def test_with_a_webhook_it_is_on_and_the_address_is_nowhere_in_the_definitions(monkeypatch):
    monkeypatch.setenv(WEBHOOK_VARIABLE, "https://hooks.example.org/secret-token")
    sensor = alerts_sensor(Settings())
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert "secret" not in repr(vars(sensor))
    assert "secret" not in Settings().model_dump_json()


def test_a_receiver_that_hangs_takes_seconds_and_errors_do_not_tell_the_address():
    with receiver() as hook:
        hook.hang_s = 3.0
        with pytest.raises(WebhookError) as refused:
            post_json(hook.url, {}, tries=2, timeout_s=0.2)
    for url in (hook.url, "file:///etc/secret-path", "http://secret-token.invalid/", "http://[secret-path"):
        with pytest.raises(WebhookError) as again:
            post_json(url, {}, tries=1, timeout_s=0.5)
        for error in (refused.value, again.value):
            assert "secret" not in str(error)


def test_a_message_is_short_however_much_there_is_to_say():
    told = message([Alert("run_failed", f"shard {n}", "words " * 1000) for n in range(500)])
    assert len(json.dumps(told)) < 150_000
    assert "and 480 more" in told["text"]


def test_the_e_mail_example_of_the_docs_loads(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "unattended.md").read_text(encoding="utf-8")
    example = page[page.index("import os\n\nimport dagster") :].partition("```")[0]
    monkeypatch.setenv("SMTP_PASSWORD", "x")
    names: dict = {}
    exec(compile(example, "docs/unattended.md", "exec"), names)  # noqa: S102 - our own docs
    dg.Definitions.validate_loadable(names["defs"])
