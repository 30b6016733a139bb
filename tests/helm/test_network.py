"""With `networkPolicy.enabled`: who reaches whom, worked out from the rendered policies and the labels of the rendered pods."""

import pytest
import yaml
from kubernetes_api import CHART, one, pod_specs, render
from network_policies import End, may_connect

TRIAL = CHART / "examples" / "trial.yaml"
API, WEB, PRIVATE, METADATA = (End(address=address) for address in ("10.96.0.1", "203.0.113.9", "10.1.2.3", "169.254.169.254"))
STRANGER = End(labels={"app": "somebody-elses"})
LAUNCHERS = ("webserver", "daemon")
CALLERS = (*LAUNCHERS, "webserver-read-only")
DATABASE, WEBSITE, GRPC, SECURE, PROXY = 5432, 3000, 4000, 443, 3128


class Release:
    """The policies of a rendered release and its pods by component, launched runs included."""

    def __init__(self, *values: str) -> None:
        given = [word for value in values for word in ("--set-json", value)]
        more = ("--set", "networkPolicy.enabled=true,webserver.readOnly.enabled=true")
        objects = render("--values", str(TRIAL), *more, *given)
        self.policies = [item["spec"] for item in objects if item["kind"] == "NetworkPolicy"]
        labels = [template["metadata"]["labels"] for template in pod_specs(objects).values()]
        self.pods = {each["app.kubernetes.io/component"]: End(labels=each) for each in labels}
        instance = yaml.safe_load(one(objects, "ConfigMap", "video-assets-instance")["data"]["dagster.yaml"])
        given_to_runs = instance["run_launcher"]["config"]["run_k8s_config"]["pod_template_spec_metadata"]["labels"]
        # The launcher's own labels: tests/helm/test_launched_runs.py.
        self.pods["run_worker"] = End(labels={"app.kubernetes.io/component": "run_worker", **given_to_runs})

    def who_reaches(self, called: End, port: int, protocol: str = "TCP") -> set[str]:
        """Components that may connect there."""
        return {name for name, pod in self.pods.items() if may_connect(self.policies, pod, called, port, protocol)}


@pytest.fixture(scope="module")
def release():
    return Release()


def test_the_pods_are_all_that_a_release_has(release):
    assert release.pods.keys() == {*CALLERS, "code", "run_worker", "check", "check-work", "migrate", "pools", "postgresql"}


def test_all_but_the_database_itself_reach_the_database_and_nobody_else(release):
    database = release.pods["postgresql"]
    assert release.who_reaches(database, DATABASE) == release.pods.keys() - {"postgresql"}
    assert not may_connect(release.policies, STRANGER, database, DATABASE)
    assert not may_connect(release.policies, WEB, database, DATABASE)
    assert release.who_reaches(database, 22) == set()


def test_the_code_server_answers_web_servers_and_daemon_only(release):
    code = release.pods["code"]
    assert release.who_reaches(code, GRPC) == set(CALLERS)
    assert not may_connect(release.policies, STRANGER, code, GRPC)


def test_only_what_launches_runs_reaches_the_api_of_the_cluster(release):
    assert release.who_reaches(API, 443) == set(LAUNCHERS)
    assert release.who_reaches(API, 6443) == set(LAUNCHERS)


def test_names_are_looked_up_by_all_that_calls_by_name(release):
    resolver = End(labels={"k8s-app": "kube-dns"})
    assert release.who_reaches(resolver, 53, "UDP") == release.pods.keys() - {"postgresql"}


def test_the_namespace_reaches_the_web_ui_and_nothing_reaches_a_run(release):
    assert may_connect(release.policies, STRANGER, release.pods["webserver"], WEBSITE)
    for port in (22, 80, WEBSITE, GRPC):
        assert not may_connect(release.policies, STRANGER, release.pods["run_worker"], port)
        assert release.who_reaches(release.pods["run_worker"], port) == set()


def test_named_peers_instead_of_the_namespace_reach_the_web_ui():
    peers = '[{"podSelector": {"matchLabels": {"app": "login"}}}]'
    release = Release(f"networkPolicy.webserverFrom={peers}")
    assert may_connect(release.policies, End(labels={"app": "login"}), release.pods["webserver"], WEBSITE)
    assert not may_connect(release.policies, STRANGER, release.pods["webserver"], WEBSITE)


@pytest.mark.parametrize(
    ("values", "who"),
    [
        ([], set()),
        (["settings.openvid.is_enabled=true"], {"run_worker", "code"}),
        (["settings.miradata.is_enabled=true"], {"run_worker", "code"}),
        (["settings.openvid.enabled=true", "networkPolicy.downloads=false"], set()),
        (["networkPolicy.downloads=true"], {"run_worker", "code"}),
        (['alerts.webhookSecret.name="alerts"'], {"code"}),
    ],
)
def test_the_web_is_open_where_something_is_downloaded_or_told_and_nothing_private_with_it(values, who):
    release = Release(*values)
    # Web servers and daemon may call the API, wherever it lies: `networkPolicy.apiServer.cidr` narrows that.
    assert release.who_reaches(WEB, SECURE) - set(LAUNCHERS) == who
    assert release.who_reaches(WEB, 80) == set()
    for inside in (PRIVATE, METADATA):
        assert release.who_reaches(inside, SECURE) - set(LAUNCHERS) == set()


def test_a_proxy_inside_is_reached_by_those_that_download():
    rule = '[{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"protocol": "TCP", "port": 3128}]}]'
    release = Release(f"networkPolicy.extraEgress={rule}")
    assert release.who_reaches(PRIVATE, PROXY) == {"run_worker", "code"}
    assert release.who_reaches(API, PROXY) == set()


def test_where_the_api_lies_can_be_named():
    release = Release('networkPolicy.apiServer.cidr="10.96.0.1/32"')
    assert release.who_reaches(API, SECURE) == set(LAUNCHERS)
    assert release.who_reaches(WEB, SECURE) == set()


def test_the_page_with_the_clips_is_reached_as_the_web_ui_is_and_reaches_nothing():
    values = 'look={"enabled": true, "tokenSecret": {"name": "look"}}'
    release = Release(values)
    page = release.pods["look"]
    assert may_connect(release.policies, STRANGER, page, 3001)
    assert not may_connect(release.policies, STRANGER, page, WEBSITE)
    for called, port in ((API, 6443), (release.pods["code"], GRPC), (release.pods["run_worker"], GRPC)):
        assert "look" not in release.who_reaches(called, port)
    peers = '[{"podSelector": {"matchLabels": {"app": "login"}}}]'
    closed = Release(values, f"networkPolicy.webserverFrom={peers}")
    assert not may_connect(closed.policies, STRANGER, closed.pods["look"], 3001)
    assert may_connect(closed.policies, End(labels={"app": "login"}), closed.pods["look"], 3001)
