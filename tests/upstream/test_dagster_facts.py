"""What Dagster does, where the design leans on it: after an upgrade, a failure here comes before any puzzle in the daemon.

Graphs of four assets that compute nothing, so that a failure speaks about Dagster.
"""

import contextlib
import sqlite3

import dagster as dg
import pytest
from dagster._check import CheckError

from video_assets.defs.conditions import changed_shards, cheap, complete_only

# Beta, and what the shards of one machine rest on: the tests below say what it must do.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

SHARDS = dg.StaticPartitionsDefinition(["0", "1", "2"])
FIRST = {"0": "a", "1": "b", "2": "c"}
SICK = {"shard": ""}


def graph(*, lists=None, check=None, product=None, edges=("check",), versions=("1", "1", "1")):
    """Table -> lists[shard] -> check[shard] -> product; `check` of the shard named in SICK fails.

    `edges` are what the product depends on; `versions` the code versions of lists, check and product.
    """

    def nothing(): ...

    def checked(context: dg.AssetExecutionContext):
        if context.partition_key == SICK["shard"]:
            raise dg.Failure("mount is gone")

    return dg.Definitions(
        [
            dg.asset(name="table")(nothing),
            dg.asset(name="lists", partitions_def=SHARDS, deps=["table"], automation_condition=lists, code_version=versions[0])(
                nothing
            ),
            dg.asset(name="check", partitions_def=SHARDS, deps=["lists"], automation_condition=check, code_version=versions[1])(
                checked
            ),
            dg.asset(name="product", deps=list(edges), automation_condition=product, code_version=versions[2])(nothing),
        ]
    )


def report(instance, asset, versions):
    """One materialization per shard (None: the whole asset) with its data version, without a run."""
    for shard, version in versions.items():
        event = dg.AssetMaterialization(asset, partition=shard, tags={"dagster/data_version": version})
        instance.report_runless_asset_event(event)


def run(definitions, instance, asset, shard):
    """Materialize in a run of its own, as a backfill with one run per shard does; True when it succeeded."""
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        partition_key=shard, instance=instance, asset_selection=[dg.AssetKey(asset)], raise_on_error=False
    ).success


class Ticks:
    """Automation ticks in a row, each with the cursor of the one before."""

    def __init__(self, definitions, instance):
        self.definitions, self.instance, self.cursor = definitions, instance, None

    def tick(self):
        """What this tick would materialize: shards (None: the whole asset) by asset."""
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, asset_selection=dg.AssetSelection.all(), cursor=self.cursor
        )
        self.cursor = result.cursor
        asked = {name: result.get_requested_partitions(dg.AssetKey(name)) for name in ("lists", "check", "product")}
        return {name: sorted(shards, key=str) for name, shards in asked.items() if shards}


@pytest.fixture
def instance():
    SICK["shard"] = ""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def settled(instance, **conditions):
    """A graph of which everything is there and has been seen, so that a tick asks for nothing."""
    report(instance, "table", {None: "t"})
    for asset in ("lists", "check"):
        report(instance, asset, FIRST)
    report(instance, "product", {None: "p"})
    ticks = Ticks(graph(**conditions), instance)
    ticks.tick()
    assert ticks.tick() == {}
    return ticks


def test_the_gate_asks_only_for_the_shard_whose_list_changed(instance):
    ticks = settled(instance, check=changed_shards())
    report(instance, "lists", {**FIRST, "1": "changed"})
    assert ticks.tick() == {"check": ["1"]}
    assert ticks.tick() == {}, "asked once is enough"


def test_the_gate_asks_for_nothing_when_all_lists_are_written_again_with_the_same_versions(instance):
    ticks = settled(instance, check=changed_shards())
    report(instance, "lists", FIRST)
    assert ticks.tick() == {}


def test_plain_eager_would_ask_for_every_shard_when_all_lists_are_written_again(instance):
    ticks = settled(instance, check=dg.AutomationCondition.eager())
    report(instance, "lists", FIRST)
    assert ticks.tick() == {"check": ["0", "1", "2"]}


def test_the_gate_does_not_follow_lists_that_are_asked_for_in_the_same_tick(instance):
    ticks = settled(instance, lists=cheap(), check=changed_shards())
    report(instance, "table", {None: "t2"})
    assert ticks.tick() == {"lists": ["0", "1", "2"]}


def test_replacing_only_newly_updated_would_follow_all_lists_that_are_asked_for_in_the_same_tick(instance):
    half_a_gate = dg.AutomationCondition.eager().replace("newly_updated", dg.AutomationCondition.data_version_changed())
    ticks = settled(instance, lists=cheap(), check=half_a_gate)
    report(instance, "table", {None: "t2"})
    assert ticks.tick() == {"lists": ["0", "1", "2"], "check": ["0", "1", "2"]}


def test_the_product_is_asked_for_when_a_shard_was_checked_again(instance):
    ticks = settled(instance, product=complete_only())
    report(instance, "check", {"1": "b2"})
    assert ticks.tick() == {"product": [None]}


def test_the_product_waits_while_a_shard_has_failed_and_comes_when_it_is_mended(instance):
    ticks = settled(instance, product=complete_only())
    SICK["shard"] = "2"
    assert run(ticks.definitions, instance, "check", "1")
    assert not run(ticks.definitions, instance, "check", "2")
    assert ticks.tick() == {}
    SICK["shard"] = ""
    assert run(ticks.definitions, instance, "check", "2")
    assert ticks.tick() == {"product": [None]}


def test_plain_eager_would_build_the_product_although_a_shard_has_failed(instance):
    ticks = settled(instance, product=dg.AutomationCondition.eager())
    SICK["shard"] = "2"
    assert run(ticks.definitions, instance, "check", "1")
    assert not run(ticks.definitions, instance, "check", "2")
    assert ticks.tick() == {"product": [None]}


def test_the_product_waits_while_a_shard_is_missing(instance):
    report(instance, "table", {None: "t"})
    report(instance, "lists", FIRST)
    report(instance, "check", {"0": "a", "1": "b"})
    ticks = Ticks(graph(product=complete_only()), instance)
    assert ticks.tick() == {}
    report(instance, "check", {"2": "c"})
    assert ticks.tick() == {"product": [None]}


def test_an_update_between_the_request_and_the_next_tick_is_lost_so_a_nightly_schedule_is_needed(instance):
    ticks = settled(instance, product=complete_only())
    report(instance, "check", {"1": "b2"})
    assert ticks.tick() == {"product": [None]}
    report(instance, "check", {"2": "c2"})
    report(instance, "product", {None: "made before c2 was read"})
    assert ticks.tick() == {}
    assert ticks.tick() == {}


CONDITIONS = {"lists": cheap(), "check": changed_shards(), "product": complete_only()}


def test_the_product_follows_the_shards_alone_and_so_waits_until_they_are_decoded_again(instance):
    ticks = settled(instance, **CONDITIONS)
    report(instance, "table", {None: "t2"})
    assert ticks.tick() == {"lists": ["0", "1", "2"]}
    report(instance, "lists", {**FIRST, "1": "changed"})
    assert ticks.tick() == {"check": ["1"]}
    report(instance, "check", {"1": "b2"})
    assert ticks.tick() == {"product": [None]}


def test_a_direct_edge_from_the_table_would_build_the_product_before_the_changed_shard_is_decoded_again(instance):
    ticks = settled(instance, check=changed_shards(), product=complete_only(), edges=("check", "table"))
    report(instance, "table", {None: "t2"})
    assert ticks.tick() == {"product": [None]}, "from stale verdicts"


@pytest.mark.parametrize(
    ("versions", "asked"),
    [
        (("2", "1", "1"), {"lists": ["0", "1", "2"]}),
        (("1", "2", "1"), {"check": ["0", "1", "2"]}),
        (("1", "1", "2"), {"product": [None]}),
    ],
)
def test_another_code_version_asks_for_that_asset_alone_and_once(instance, versions, asked):
    ticks = settled(instance, **CONDITIONS)
    ticks.definitions = graph(**CONDITIONS, versions=versions)
    assert ticks.tick() == asked
    assert ticks.tick() == {}


def test_plain_eager_would_not_notice_another_code_version(instance):
    plain = {"check": dg.AutomationCondition.eager()}
    ticks = settled(instance, **plain)
    ticks.definitions = graph(**plain, versions=("1", "2", "1"))
    assert ticks.tick() == {}


def all_in_one_run(instance, *, sick):
    """One run over all shards that reports each finished shard by itself and fails at its end when one was sick."""

    @dg.asset(partitions_def=SHARDS, backfill_policy=dg.BackfillPolicy.single_run(), output_required=False)
    def check(context: dg.AssetExecutionContext):
        for shard in context.partition_keys:
            if shard not in sick:
                tags = {"dagster/data_version": f"version-{shard}"}
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=shard, tags=tags))
        if sick:
            raise dg.Failure(f"shards {sick} are not complete")
        yield from ()

    tags = {"dagster/asset_partition_range_start": "0", "dagster/asset_partition_range_end": "2"}
    return dg.materialize([check], instance=instance, tags=tags, raise_on_error=False)


def status(instance):
    found = instance.get_status_by_partition(dg.AssetKey("check"), SHARDS.get_partition_keys(), SHARDS)
    return {shard: None if found.get(shard) is None else found[shard].value for shard in SHARDS.get_partition_keys()}


def test_finished_shards_of_a_failed_run_are_green_and_only_the_others_failed(instance):
    assert not all_in_one_run(instance, sick=["1"]).success
    assert status(instance) == {"0": "MATERIALIZED", "1": "FAILED", "2": "MATERIALIZED"}


def test_a_second_run_turns_the_failed_shard_green(instance):
    all_in_one_run(instance, sick=["1"])
    assert all_in_one_run(instance, sick=[]).success
    assert set(status(instance).values()) == {"MATERIALIZED"}


def test_each_shard_reported_inside_a_run_keeps_its_own_data_version(instance):
    all_in_one_run(instance, sick=["1"])
    record = instance.get_latest_data_version_record(dg.AssetKey("check"), partition_key="2")
    assert record.asset_materialization.tags["dagster/data_version"] == "version-2"


def test_a_table_preview_takes_missing_values_but_not_zero_rows_without_a_schema():
    records = [dg.TableRecord({"text": "a", "fps": None}), dg.TableRecord({"text": None, "fps": 25.0})]
    assert dg.MetadataValue.table(records).schema.columns[0].name == "text"
    with pytest.raises(CheckError, match="schema must be provided"):
        dg.MetadataValue.table([])


def test_where_only_pools_are_set_ten_runs_go_on_at_a_time(tmp_path):
    """Hence `concurrency.runs` in helm/official-chart-values.yaml."""

    def most(concurrency):
        (tmp_path / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\nconcurrency: {concurrency}\n")
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            return instance.get_concurrency_config().run_queue_config.max_concurrent_runs

    assert most("{pools: {granularity: run, default_limit: 24}}") == 10
    assert most("{pools: {granularity: run, default_limit: 24}, runs: {max_concurrent_runs: -1}}") == -1


class Checked:
    """Source -> listing, with a blocking check -> table, which has the condition."""

    def __init__(self, instance, condition):
        @dg.asset_check(asset="listing", blocking=True)
        def is_complete():
            return dg.AssetCheckResult(passed=self.is_complete)

        assets = [
            dg.asset(name="source")(lambda: None),
            dg.asset(name="listing", deps=["source"], automation_condition=dg.AutomationCondition.eager())(lambda: None),
            dg.asset(name="table", deps=["listing"], automation_condition=condition)(lambda: None),
        ]
        self.is_complete, self.instance, self.cursor = True, instance, None
        self.definitions = dg.Definitions(assets, asset_checks=[is_complete])
        report(instance, "source", {None: "s"})
        report(instance, "table", {None: "t"})
        self.tick()

    def run(self, *names):
        """Materialize these in one run."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in names]
        job.execute_in_process(instance=self.instance, asset_selection=keys, raise_on_error=False)

    def tick(self):
        """Names of what this tick would materialize."""
        selection = dg.AssetSelection.all()
        result = dg.evaluate_automation_conditions(self.definitions, self.instance, asset_selection=selection, cursor=self.cursor)
        self.cursor = result.cursor
        return [name for name in ("listing", "table") if result.get_num_requested(dg.AssetKey(name))]


def test_below_a_failed_check_nothing_is_asked_for_until_it_passes(instance):
    graph = Checked(instance, cheap())
    graph.is_complete = False
    graph.run("listing")
    assert graph.tick() == []
    graph.is_complete = True
    graph.run("listing")
    assert graph.tick() == ["table"]


def test_plain_eager_would_go_on_below_the_failed_check_of_another_run(instance):
    graph = Checked(instance, dg.AutomationCondition.eager())
    graph.is_complete = False
    graph.run("listing")
    assert graph.tick() == ["table"]


def test_what_is_asked_for_together_with_what_is_checked_is_held_by_the_check_of_that_run(instance):
    graph = Checked(instance, cheap())
    report(instance, "source", {None: "s2"})
    assert graph.tick() == ["listing", "table"], "though the check has never run"
    graph.is_complete = False
    before = instance.get_latest_materialization_event(dg.AssetKey("table")).run_id
    graph.run("listing", "table")
    assert instance.get_latest_materialization_event(dg.AssetKey("table")).run_id == before
    assert graph.tick() == []


def test_dagsters_own_condition_on_checks_would_need_two_runs(instance):
    theirs = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
    graph = Checked(instance, theirs)
    report(instance, "source", {None: "s2"})
    assert graph.tick() == ["listing"]


def test_every_event_and_every_wipe_shows_in_two_tables_of_the_history(tmp_path):
    # `local.nothing_new` reads them without loading Dagster.
    def heard():
        with contextlib.closing(sqlite3.connect(tmp_path / "history" / "runs" / "index.db")) as history:
            last_event = history.execute("select max(id) from event_logs").fetchone()
            return last_event + history.execute("select max(wipe_timestamp) from asset_keys").fetchone()

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("table"))
        first_event, first_wipe = heard()
        instance.report_runless_asset_event(dg.AssetMaterialization("table"))
        later_event, later_wipe = heard()
        instance.wipe_assets([dg.AssetKey("table")])
        assert (first_wipe, later_wipe) == (None, None)
        assert later_event > first_event
        assert heard()[1] is not None
