{{- define "video-assets.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "video-assets.image" -}}
{{- with .Values.image }}{{ if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- define "video-assets.selector" -}}
app.kubernetes.io/name: video-assets
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "video-assets.labels" -}}
{{ include "video-assets.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* Carried by every pod that talks to PostgreSQL, launched runs included (theirs have Dagster's own name and instance). */}}
{{- define "video-assets.memberLabel" -}}
video-assets-release: {{ .Release.Name }}
{{- end }}

{{- define "video-assets.claim" -}}
{{ .Values.data.existingClaim | default (printf "%s-data" (include "video-assets.name" .)) }}
{{- end }}

{{- define "video-assets.downloads" -}}
{{- $fetches := false -}}
{{- /* `enabled` is what `is_enabled` was called before. */ -}}
{{- range $source := list "openvid" "miradata" }}{{ range $field := list "is_enabled" "enabled" }}
{{- if dig $source $field false $.Values.settings }}{{ $fetches = true }}{{ end }}
{{- end }}{{ end -}}
{{- if kindIs "bool" .Values.networkPolicy.downloads }}{{ .Values.networkPolicy.downloads }}{{ else }}{{ $fetches }}{{ end }}
{{- end }}

{{- define "video-assets.checkValues" -}}
{{- range list .Values.image.tag .Values.postgresql.bundled.image.tag }}
{{- if eq . "latest" }}{{ fail "an image's tag is latest: pods of one run could run different programs; name a version" }}{{ end }}
{{- end }}
{{- $pg := .Values.postgresql }}
{{- $ways := 0 }}
{{- range list $pg.host $pg.urlSecret.name $pg.bundled.enabled }}{{ if . }}{{ $ways = add1 $ways }}{{ end }}{{ end }}
{{- if ne (int $ways) 1 }}
{{- fail "Dagster needs one PostgreSQL: set exactly one of postgresql.host (with passwordSecret), postgresql.urlSecret.name, postgresql.bundled.enabled" }}
{{- end }}
{{- if and $pg.host (not $pg.passwordSecret.name) }}{{ fail "postgresql.host is set: name the Secret with its password in postgresql.passwordSecret.name" }}{{ end }}
{{- $grace := dig "decode" "stop_grace_s" 5 .Values.settings }}
{{- if lt (float64 .Values.runs.terminationGracePeriodSeconds) (addf $grace 5) }}
{{- fail (printf "runs.terminationGracePeriodSeconds is %v: give clips in flight settings.decode.stop_grace_s (%v) and 5 seconds more" .Values.runs.terminationGracePeriodSeconds $grace) }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.enabled: set ingress.host" }}{{ end }}
{{- if and .Values.ingress.readOnly (not .Values.webserver.readOnly.enabled) }}{{ fail "ingress.readOnly needs webserver.readOnly.enabled" }}{{ end }}
{{- end }}

{{- define "video-assets.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurityContext.runAsUser }}
runAsGroup: {{ .Values.podSecurityContext.runAsGroup }}
fsGroup: {{ .Values.podSecurityContext.fsGroup }}
fsGroupChangePolicy: OnRootMismatch
{{- with .Values.podSecurityContext.supplementalGroups }}
supplementalGroups: {{ toYaml . | nindent 2 }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "video-assets.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* PostgreSQL's secret, by reference. */}}
{{- define "video-assets.databaseEnv" -}}
{{- with .Values.postgresql }}
{{- if .urlSecret.name }}
- {name: DAGSTER_PG_URL, valueFrom: {secretKeyRef: {name: {{ .urlSecret.name }}, key: {{ .urlSecret.key }}}}}
{{- else if .bundled.enabled }}
- {name: DAGSTER_PG_PASSWORD, valueFrom: {secretKeyRef: {name: {{ include "video-assets.name" $ }}-postgresql, key: postgresql-password}}}
{{- else }}
- {name: DAGSTER_PG_PASSWORD, valueFrom: {secretKeyRef: {name: {{ .passwordSecret.name }}, key: {{ .passwordSecret.key }}}}}
{{- end }}
{{- end }}
{{- end }}

{{- /* For code server and runs: the program's own settings. */}}
{{- define "video-assets.projectEnv" -}}
- {name: VIDEO_ASSETS_DATA_ROOT, value: {{ .Values.data.mountPath | quote }}}
- {name: VIDEO_ASSETS_CONFIG, value: /etc/video-assets/video_assets.toml}
{{- with .Values.huggingFace.tokenSecret }}
{{- if .name }}
- {name: HF_TOKEN, valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}}
{{- end }}
{{- end }}
{{- end }}

{{- define "video-assets.dataMount" -}}
- name: data
  mountPath: {{ .Values.data.mountPath }}
  {{- with .Values.data.subPath }}
  subPath: {{ . }}
  {{- end }}
{{- end }}

{{- define "video-assets.dataVolume" -}}
- {name: data, persistentVolumeClaim: {claimName: {{ include "video-assets.claim" . }}}}
{{- end }}

{{- define "video-assets.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* Pod template of web servers, daemon, code server and the chart's Jobs. dict: root, component, args, resources, more (container
fields), restartPolicy, isProject (settings and secrets of the program), hasData (the shared volume), canLaunch (rights in the cluster). */}}
{{- define "video-assets.podTemplate" -}}
{{- $root := .root }}
metadata:
  labels:
    {{- include "video-assets.labels" $root | nindent 4 }}
    {{- include "video-assets.memberLabel" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  annotations:
    checksum/config: {{ include (print $root.Template.BasePath "/config.yaml") $root | sha256sum }}
spec:
  serviceAccountName: {{ include "video-assets.name" $root }}{{ if not .canLaunch }}-runs{{ end }}
  automountServiceAccountToken: {{ .canLaunch | default false }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - {name: {{ . }}}
    {{- end }}
  {{- end }}
  {{- include "video-assets.scheduling" $root.Values | nindent 2 }}
  {{- with $root.Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{ include "video-assets.podSecurityContext" $root | nindent 4 }}
  containers:
    - name: {{ .component }}
      image: {{ include "video-assets.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toYaml .args | nindent 8 }}
      securityContext: {{ include "video-assets.containerSecurityContext" $root | nindent 8 }}
      resources: {{ toYaml .resources | nindent 8 }}
      {{- with .more }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      env:
        {{- include "video-assets.databaseEnv" $root | nindent 8 }}
        {{- if .isProject }}
        {{- include "video-assets.projectEnv" $root | nindent 8 }}
        - {name: DAGSTER_CURRENT_IMAGE, value: {{ include "video-assets.image" $root | quote }}}
        {{- with $root.Values.alerts.webhookSecret }}
        {{- if .name }}
        - {name: VIDEO_ASSETS_ALERT_WEBHOOK, valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}}
        {{- end }}
        {{- end }}
        {{- end }}
        {{- with $root.Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumeMounts:
        - {name: home, mountPath: /opt/dagster}
        - {name: instance, mountPath: /opt/dagster/dagster.yaml, subPath: dagster.yaml, readOnly: true}
        - {name: instance, mountPath: /etc/dagster/workspace.yaml, subPath: workspace.yaml, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if .isProject }}
        - {name: settings, mountPath: /etc/video-assets, readOnly: true}
        {{- end }}
        {{- if .hasData }}
        {{- include "video-assets.dataMount" $root | nindent 8 }}
        {{- end }}
        {{- with $root.Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: home, emptyDir: {sizeLimit: 256Mi}}
    - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
    - {name: instance, configMap: {name: {{ include "video-assets.name" $root }}-instance}}
    {{- if .isProject }}
    - {name: settings, configMap: {name: {{ include "video-assets.name" $root }}-settings}}
    {{- end }}
    {{- if .hasData }}
    {{- include "video-assets.dataVolume" $root | nindent 4 }}
    {{- end }}
    {{- with $root.Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
