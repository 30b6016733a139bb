"""The chart over all its example values: it renders, every object is valid, and nothing breaks the rules that pods obey."""

import re
import runpy
import shutil
import tomllib

import kubernetes_validate
import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import get_conn_string
from helm_policies import check_pod
from kubernetes_api import CHART, ROOT, helm, one, pod_specs, render

from video_assets.defs.launcher import ByKindK8sRunLauncher
from video_assets.settings.model import Settings

EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
TRIAL = CHART / "examples" / "trial.yaml"
IDS = [path.stem for path in EXAMPLES]


@pytest.fixture(scope="module", params=EXAMPLES, ids=IDS)
def example(request):
    return request.param


@pytest.fixture(scope="module")
def objects(example):
    return render("--values", str(example))


def test_there_are_examples_for_what_people_ask():
    assert {"trial", "production", "external-postgres", "existing-claim", "240-shards", "everything"} <= set(IDS)


def test_helm_finds_nothing_to_complain_about(example):
    done = helm("lint", "--strict", "--quiet", str(CHART), "--values", str(example))
    complaints = [line for line in done.stderr.splitlines() if "found symbolic link" not in line]  # files/ are the laptop's own
    assert (done.returncode, done.stdout.strip(), complaints) == (0, "", [])


@pytest.mark.parametrize("version", ["1.30", "1.36"])
def test_every_object_is_valid_down_to_the_last_field(objects, version):
    for item in objects:
        kubernetes_validate.validate(item, version, strict=True)


def test_a_misspelt_field_would_be_found(objects):
    deployment = one(objects, "Deployment", "video-assets-code")
    spec = deployment["spec"]["template"]["spec"]
    spoiled = {**deployment, "spec": {**deployment["spec"], "template": {"spec": {**spec, "readynessProbe": {}}}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoiled, "1.36", strict=True)


def test_every_pod_is_allowed_under_the_restricted_standard_and_has_limits(objects):
    for template in pod_specs(objects).values():
        check_pod(template["spec"])


def test_only_what_launches_runs_has_rights_and_those_are_exactly_dagsters(objects):
    with_token = {name for name, template in pod_specs(objects).items() if template["spec"]["automountServiceAccountToken"]}
    # Two hooks open the whole instance, and the launcher in it refuses to start without a token.
    hooks = {"Job/video-assets-migrate", "Job/video-assets-check-work"}
    assert with_token - hooks == {"Deployment/video-assets-daemon", "Deployment/video-assets-webserver"}
    [role] = [item for item in objects if item["kind"] == "Role"]
    rights = {
        (group, kind, verb) for r in role["rules"] for group in r["apiGroups"] for kind in r["resources"] for verb in r["verbs"]
    }
    assert rights == {
        *(("batch", "jobs", verb) for verb in ("create", "get", "list", "delete")),
        ("batch", "jobs/status", "get"),
        *(("", "pods", verb) for verb in ("get", "list", "delete")),
        ("", "pods/log", "get"),
        ("", "events", "list"),
    }
    [binding] = [item for item in objects if item["kind"] == "RoleBinding"]
    assert [subject["name"] for subject in binding["subjects"]] == ["video-assets"]


def test_no_secret_is_in_the_open(objects):
    for item in objects:
        if item["kind"] == "ConfigMap":
            text = yaml.safe_dump(item)
            assert "postgresql://" not in text
            assert not re.search(r"password: (?!\|)[^\s{]", text)
    secrets = [item["metadata"]["name"] for item in objects if item["kind"] == "Secret"]
    assert set(secrets) <= {"video-assets-postgresql"}  # made at random for trials


def instance_of(objects):
    return yaml.safe_load(one(objects, "ConfigMap", "video-assets-instance")["data"]["dagster.yaml"])


def test_dagster_takes_the_instance_configuration(objects, tmp_path, monkeypatch):
    config = instance_of(objects)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    loaded, _ = dagster_instance_config(str(tmp_path))
    assert loaded["run_launcher"]["class"] == "ByKindK8sRunLauncher"
    assert config["run_launcher"]["module"] == ByKindK8sRunLauncher.__module__
    launcher = process_config(ByKindK8sRunLauncher.config_type(), config["run_launcher"]["config"])
    assert launcher.success, launcher.errors
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "pass/word")
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql+psycopg2://dagster:x@host:5432/dagster")
    storage = process_config(DagsterPostgresStorage.config_type(), config["storage"]["postgres"])
    assert storage.success, storage.errors
    database = storage.value.get("postgres_db")
    if database:
        assert get_conn_string(**database).startswith("postgresql+psycopg2://dagster:")


def test_the_instance_is_the_laptops_but_for_what_a_cluster_needs(objects):
    laptop, cluster = yaml.safe_load((ROOT / "dagster.yaml").read_text()), instance_of(objects)
    assert cluster.keys() - laptop.keys() == {"storage", "compute_logs", "local_artifact_storage", "run_launcher"}
    for name in laptop.keys() - {"concurrency", "run_monitoring", "run_retries"}:
        assert cluster[name] == laptop[name], name
    assert cluster["concurrency"]["pools"]["granularity"] == "run"
    assert cluster["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_the_program_takes_the_settings(example, objects, tmp_path, monkeypatch):
    path = tmp_path / "video_assets.toml"
    path.write_text(one(objects, "ConfigMap", "video-assets-settings")["data"]["video_assets.toml"])
    monkeypatch.setenv("VIDEO_ASSETS_CONFIG", str(path))
    settings = Settings()
    assert settings.automation.backfill == "run_per_shard"
    given = yaml.safe_load(example.read_text())["settings"]
    assert settings.decode.n_shards == given.get("decode", {}).get("n_shards", 24)
    assert tomllib.loads(path.read_text()).keys() >= given.keys()


def test_the_settings_in_the_schema_are_the_programs():
    page = (CHART / "values.schema.json").read_text()
    assert runpy.run_path(str(ROOT / "docs" / "generate.py"))["with_settings"](page) == page, "run `make docs`"


def test_every_value_has_a_line_that_explains_it():
    lines = (CHART / "values.yaml").read_text().splitlines()
    sections = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z]+:", line)]
    bare = [lines[n] for n in sections if not (lines[n - 1].startswith("#") or "#" in lines[n + 1])]
    assert set(bare) <= {"webserver:", "daemon:", "codeServer:", "tolerations: []", "affinity: {}", 'priorityClassName: ""',
                         "extraVolumes: []", "extraVolumeMounts: []", "ingress:"}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("settings.decode.n_shard=3", "settings.decode: Additional property n_shard is not allowed"),
        ("settings.data_root=/x", "settings: Additional property data_root is not allowed"),
        ("runs.maxConcurent=3", "runs: Additional property maxConcurent is not allowed"),
        ("runs.resources.decode.limits.cpus=3", "runs.resources.decode.limits: Property name of"),
        ("runs.resources.limits.cpu=3", "runs.resources: Additional property limits is not allowed"),
        (
            "runs.resources.decode.limits.memory=1000Mi",
            "runs.resources.decode: memory is requested as 1Gi, more than its limit of 1000Mi",
        ),
        (
            "runs.resources.tables.requests.cpu=1001m",
            "runs.resources.tables: cpu is requested as 1001m, more than its limit of 1",
        ),
        ("daemon.resources.requests.memory=3G", "daemon.resources: memory is requested as 3G, more than its limit of 2Gi"),
        ("settings.automation.timezone=Mars/Base", "settings.automation.timezone: Does not match pattern"),
        ("settings.automation.nightly_cron=abc", "settings.automation.nightly_cron: Does not match pattern"),
        ("settings.miradata.nightly_cron=1 2", "settings.miradata.nightly_cron: Does not match pattern"),
        ("settings.decode.tolerated_reasons={blah}", 'must be one of the following: "changing_size"'),
        ("settings.own_clips.folder=", "sample.enabled: set settings.own_clips.folder"),
        ("runs.maxConcurrent=many", "runs.maxConcurrent: Invalid type. Expected: integer"),
        ("image.tag=latest", "an image's tag is latest"),
        ("settings.decode.stop_grace_s=40", "runs.terminationGracePeriodSeconds is 30: give clips in flight"),
        ("postgresql.host=db", "set exactly one of postgresql.host"),
        ("ingress.enabled=true", "set ingress.host"),
        ("look.enabled=true", "look.tokenSecret.name: String length must be greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_refused_in_clear_words(value, message):
    done = helm("template", "x", str(CHART), "--values", str(TRIAL), "--set", value)
    assert done.returncode != 0
    assert message in done.stderr


def test_before_anything_changes_the_program_itself_reads_the_settings(objects):
    hooks = {item["metadata"]["name"]: item for item in objects if "helm.sh/hook" in item["metadata"].get("annotations", {})}
    order = {name: int(item["metadata"]["annotations"].get("helm.sh/hook-weight", "0")) for name, item in hooks.items()}
    assert (
        order["video-assets-proposed"]
        < order["video-assets-check"]
        < order["video-assets-check-work"]
        < order["video-assets-migrate"]
    )
    proposed, check = hooks["video-assets-proposed"], hooks["video-assets-check"]
    assert {item["metadata"]["annotations"]["helm.sh/hook"] for item in (proposed, check)} == {"pre-install,pre-upgrade"}
    assert proposed["data"] == one(objects, "ConfigMap", "video-assets-settings")["data"]
    # When it is installed there is nothing of the release yet.
    spec = check["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "default"
    assert {volume["name"]: volume.get("configMap") for volume in spec["volumes"]} == {
        "tmp": None,
        "proposed": {"name": "video-assets-proposed"},
    }
    assert {variable["name"] for variable in spec["containers"][0]["env"]} == {"VIDEO_ASSETS_DATA_ROOT"}
    assert check["spec"]["backoffLimit"] == 0


def test_who_only_looks_has_an_account_without_rights_and_can_write_nothing():
    objects = render("--values", str(CHART / "examples" / "everything.yaml"))
    spec = one(objects, "Deployment", "video-assets-webserver-read-only")["spec"]["template"]["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("video-assets-read-only", False)
    assert "annotations" not in one(objects, "ServiceAccount", "video-assets-read-only")["metadata"]
    [container] = spec["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/data"]["readOnly"]
    assert mounts["/opt/dagster/dagster.yaml"]["subPath"] == "read-only.yaml"
    made = one(objects, "ConfigMap", "video-assets-instance")["data"]
    full, shown = yaml.safe_load(made["dagster.yaml"]), yaml.safe_load(made["read-only.yaml"])
    assert full.keys() - shown.keys() == {"run_launcher"}
    assert {**full, "run_launcher": None} == {**shown, "run_launcher": None}


def test_the_trial_makes_its_own_clips_where_its_settings_look_for_them():
    objects = render("--values", str(TRIAL))
    spec = one(objects, "Deployment", "video-assets-code")["spec"]["template"]["spec"]
    [init] = spec["initContainers"]
    settings = tomllib.loads(one(objects, "ConfigMap", "video-assets-settings")["data"]["video_assets.toml"])
    assert init["args"] == ["video-assets", "sample", settings["own_clips"]["folder"]]
    assert settings["own_clips"]["captions"] == f"{settings['own_clips']['folder']}/captions.csv"
    others = [name for name, template in pod_specs(objects).items() if template["spec"].get("initContainers")]
    assert others == ["Deployment/video-assets-code"]


def test_without_a_database_it_says_which_three_ways_there_are():
    done = helm("template", "x", str(CHART))
    assert (
        "set exactly one of postgresql.host (with passwordSecret), postgresql.urlSecret.name, postgresql.bundled.enabled"
        in done.stderr
    )


def test_the_data_outlives_the_release_and_an_existing_claim_is_left_alone():
    [claim] = [item for item in render("--values", str(TRIAL)) if item["kind"] == "PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    existing = render("--values", str(CHART / "examples" / "existing-claim.yaml"))
    assert not [item for item in existing if item["kind"] == "PersistentVolumeClaim"]


def test_the_webhook_is_a_secret_that_only_the_code_server_gets():
    objects = render("--values", str(TRIAL), "--set", "alerts.webhookSecret.name=alerts")
    given = {}
    for name, template in pod_specs(objects).items():
        for variable in template["spec"]["containers"][0]["env"]:
            if variable["name"] == "VIDEO_ASSETS_ALERT_WEBHOOK":
                given[name] = variable["valueFrom"]
    assert given == {"Deployment/video-assets-code": {"secretKeyRef": {"name": "alerts", "key": "url"}}}
    assert "VIDEO_ASSETS_ALERT_WEBHOOK" not in yaml.safe_dump(instance_of(objects))


def test_the_page_with_the_clips_only_looks():
    page = (
        "--set",
        "look.enabled=true,look.tokenSecret.name=look,huggingFace.tokenSecret.name=hub,alerts.webhookSecret.name=hook",
    )
    assert not [item for item in render("--values", str(TRIAL)) if item["metadata"]["name"].endswith("-look")], "off by default"
    pod = one(render("--values", str(TRIAL), *page), "Deployment", "video-assets-look")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert [mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] == "data"] == [True]
    secrets = {entry["valueFrom"]["secretKeyRef"]["name"] for entry in container["env"] if "valueFrom" in entry}
    assert secrets == {"look"}
    assert "--edit" not in container["args"]
    assert pod["automountServiceAccountToken"] is False


def test_notes_say_the_next_three_commands(example, tmp_path):
    chart = shutil.copytree(CHART, tmp_path / "video-assets")
    (chart / "templates" / "shown.yaml").write_text('notes: {{ include "video-assets.notes" . | quote }}')
    done = helm(
        "template", "va", str(chart), "--namespace", "video", "--values", str(example), "--show-only", "templates/shown.yaml"
    )
    notes = yaml.safe_load(done.stdout)["notes"]
    assert [line[:2] for line in notes.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3."]
    assert notes.count("kubectl -n video") == (4 if example == TRIAL else 3)
    assert ("training.csv" in notes) == (example == TRIAL)
    assert (chart / "templates" / "NOTES.txt").read_text() == '{{ include "video-assets.notes" . }}\n'


def test_the_image_keeps_to_its_rules():
    dockerfile = (ROOT / "Dockerfile").read_text()
    final = dockerfile.rpartition("FROM ${PYTHON}")[2]
    assert "USER 1000:1000" in final
    assert 'ENTRYPOINT ["/usr/bin/tini", "--"]' in final
    assert "apt-get" not in final
    assert "--require-hashes" in dockerfile
    assert ":latest" not in dockerfile
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()]
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}


def test_the_pins_of_the_image_are_those_that_the_tests_ran_with():
    def pins(name):
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^([A-Za-z0-9_.-]+==[^ ;\\]+)", text, re.MULTILINE))

    assert pins("image.txt") <= pins("dev.txt")
