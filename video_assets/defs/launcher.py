"""The launcher of runs on Kubernetes: a pod gets what its kind of run needs, whoever starts it.

Dagster gives every run the same resources, unless each job, sensor and person adds a tag. Here the kind is told by the assets
that a run makes: `decode` (the decode check, helpers that probe), `downloads` (archives, batches), `tables` (everything else).
Tags still win. A run goes off a node whose storage did not deliver.
Belongs here: those choices. Does not belong here: how much each kind gets (the chart's values).
"""

from collections.abc import Mapping
from typing import Any, Literal

import dagster as dg
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import UserDefinedDagsterK8sConfig

from video_assets.defs.elsewhere import NOT_ON_NODE
from video_assets.defs.jobs import DECODE, FETCH_MIRADATA, FETCH_OPENVID, PROBE

Kind = Literal["decode", "downloads", "tables"]
_JOBS: Mapping[str, Kind] = {DECODE: "decode", PROBE: "decode", FETCH_OPENVID: "downloads", FETCH_MIRADATA: "downloads"}
_ASSETS: Mapping[str, Kind] = {"decode_check": "decode", "openvid_clips": "downloads", "miradata_clips": "downloads"}

_REQUIRED = "required_during_scheduling_ignored_during_execution"


def kind_of(run: dg.DagsterRun) -> Kind:
    """What a run does; of several things the one that needs most."""
    kinds = {_ASSETS.get(key.to_user_string(), "tables") for key in run.asset_selection or ()}
    kinds.add(_JOBS.get(run.job_name, "tables"))
    return "decode" if "decode" in kinds else "downloads" if "downloads" in kinds else "tables"


class ByKindK8sRunLauncher(K8sRunLauncher):
    """Dagster's launcher, with `run_resources`: Kubernetes resources by kind of run."""

    def __init__(self, *, run_resources: Mapping[Kind, Mapping[str, Any]], **config: Any) -> None:
        super().__init__(**config)
        self._run_resources = run_resources

    @classmethod
    def config_type(cls) -> dict[str, dg.Field]:
        """Dagster's, and `run_resources`."""
        return {**super().config_type(), "run_resources": dg.Field(dg.Permissive())}

    def get_container_context_for_run(self, dagster_run: dg.DagsterRun) -> K8sContainerContext:
        """What the chart gives all runs, over what it gives this kind."""
        of_kind = K8sContainerContext(resources=self._run_resources[kind_of(dagster_run)])
        context = of_kind.merge(super().get_container_context_for_run(dagster_run))
        node = dagster_run.tags.get(NOT_ON_NODE)
        return context._replace(run_k8s_config=_kept_off(context.run_k8s_config, node)) if node else context


def _kept_off(config: UserDefinedDagsterK8sConfig, node: str) -> UserDefinedDagsterK8sConfig:
    """Every way in which a pod may choose its node excludes this one."""
    pod = dict(config.pod_spec_config)
    affinity = pod["affinity"] = dict(pod.get("affinity") or {})
    of_node = affinity["node_affinity"] = dict(affinity.get("node_affinity") or {})
    ways = (of_node.get(_REQUIRED) or {}).get("node_selector_terms") or [{}]
    other = {"key": "metadata.name", "operator": "NotIn", "values": [node]}
    of_node[_REQUIRED] = {"node_selector_terms": [{**way, "match_fields": [*way.get("match_fields", []), other]} for way in ways]}
    return config._replace(pod_spec_config=pod)
