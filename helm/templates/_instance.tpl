{{- /* dagster.yaml: the laptop's (files/dagster.yaml), with what differs on a cluster laid over it. */}}
{{- define "video-assets.instance" -}}
{{- $laptop := .Files.Get "files/dagster.yaml" | fromYaml }}
{{- $cluster := include "video-assets.clusterInstance" . | fromYaml }}
{{- mergeOverwrite $laptop $cluster | toYaml }}
{{- end }}

{{- define "video-assets.clusterInstance" -}}
storage:
  postgres:
    {{- with .Values.postgresql }}
    {{- if .urlSecret.name }}
    postgres_url: {env: DAGSTER_PG_URL}
    {{- else }}
    postgres_db:
      # SQLAlchemy 2.1 reads plain postgresql:// as psycopg 3, which dagster-postgres does not bring.
      scheme: postgresql+psycopg2
      hostname: {{ .host | default (printf "%s-postgresql" (include "video-assets.name" $)) | quote }}
      port: {{ .port }}
      db_name: {{ .database | quote }}
      username: {{ .username | quote }}
      password: {env: DAGSTER_PG_PASSWORD}
      {{- with .params }}
      params: {{ toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
    {{- end }}
# On the shared volume: a pod's own files are gone with the pod.
compute_logs:
  module: dagster.core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config: {base_dir: {{ .Values.data.mountPath }}/.dagster/compute_logs}
local_artifact_storage:
  module: dagster.core.storage.root
  class: LocalArtifactStorage
  config: {base_dir: /tmp}
concurrency:
  runs: {max_concurrent_runs: {{ .Values.runs.maxConcurrent }}}
  pools: {granularity: run, default_limit: {{ .Values.runs.defaultPoolLimit }}}
run_monitoring:
  enabled: true
  start_timeout_seconds: {{ .Values.runs.startTimeoutSeconds }}
  cancel_timeout_seconds: 120
  poll_interval_seconds: 30
  max_resume_run_attempts: 0
run_retries:
  enabled: true
  max_retries: {{ .Values.runs.maxRetries }}
  retry_on_asset_or_op_failure: false
run_launcher:
  module: video_assets.defs.launcher
  class: ByKindK8sRunLauncher
  config:
    run_resources: {{ toYaml .Values.runs.resources | nindent 6 }}
    service_account_name: {{ include "video-assets.name" . }}-runs
    job_namespace: {{ .Release.Namespace }}
    instance_config_map: {{ include "video-assets.name" . }}-instance
    dagster_home: /opt/dagster
    image_pull_policy: {{ .Values.image.pullPolicy }}
    {{- with .Values.image.pullSecrets }}
    image_pull_secrets:
      {{- range . }}
      - {name: {{ . }}}
      {{- end }}
    {{- end }}
    load_incluster_config: true
    run_k8s_config: {{ include "video-assets.runConfig" . | nindent 6 }}
{{- end }}

{{- /* What every launched run's Job gets. */}}
{{- define "video-assets.runConfig" -}}
job_spec_config:
  ttlSecondsAfterFinished: {{ .Values.runs.ttlSecondsAfterFinished }}
pod_template_spec_metadata:
  labels:
    {{- include "video-assets.memberLabel" . | nindent 4 }}
    {{- with .Values.runs.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.runs.podAnnotations }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
pod_spec_config:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .Values.runs.terminationGracePeriodSeconds }}
  securityContext: {{ include "video-assets.podSecurityContext" . | nindent 4 }}
  {{- include "video-assets.scheduling" .Values.runs | nindent 2 }}
  tolerations:
    - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: {{ .Values.runs.nodeLossSeconds }}}
    - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: {{ .Values.runs.nodeLossSeconds }}}
    {{- with .Values.runs.tolerations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.runs.topologySpread }}
  {{- if .enabled }}
  topologySpreadConstraints:
    - maxSkew: {{ .maxSkew }}
      topologyKey: {{ .topologyKey }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "video-assets.memberLabel" $ | nindent 10 }}
          app.kubernetes.io/component: run_worker
  {{- end }}
  {{- end }}
  volumes:
    - {name: home, emptyDir: {sizeLimit: 256Mi}}
    - {name: tmp, emptyDir: {sizeLimit: {{ .Values.runs.scratch.sizeLimit }}}}
    - {name: settings, configMap: {name: {{ include "video-assets.name" . }}-settings}}
    {{- include "video-assets.dataVolume" . | nindent 4 }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
container_config:
  securityContext: {{ include "video-assets.containerSecurityContext" . | nindent 4 }}
  env:
    {{- include "video-assets.databaseEnv" . | nindent 4 }}
    {{- include "video-assets.projectEnv" . | nindent 4 }}
    - {name: K8S_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumeMounts:
    - {name: home, mountPath: /opt/dagster}
    - {name: tmp, mountPath: /tmp}
    - {name: settings, mountPath: /etc/video-assets, readOnly: true}
    {{- include "video-assets.dataMount" . | nindent 4 }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
