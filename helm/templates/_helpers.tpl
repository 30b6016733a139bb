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
{{- range $kind, $resources := .Values.runs.resources }}
{{- include "video-assets.checkResources" (dict "name" (printf "runs.resources.%s" $kind) "resources" $resources) }}
{{- end }}
{{- range $name, $pod := dict "webserver" .Values.webserver "daemon" .Values.daemon "codeServer" .Values.codeServer "postgresql.bundled" $pg.bundled }}
{{- include "video-assets.checkResources" (dict "name" (printf "%s.resources" $name) "resources" $pod.resources) }}
{{- end }}
{{- if and .Values.sample.enabled (not (dig "own_clips" "folder" "" .Values.settings)) }}{{ fail "sample.enabled: set settings.own_clips.folder, where the sample's clips are to lie" }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.enabled: set ingress.host" }}{{ end }}
{{- if and .Values.ingress.readOnly (not .Values.webserver.readOnly.enabled) }}{{ fail "ingress.readOnly needs webserver.readOnly.enabled" }}{{ end }}
{{- end }}

{{- /* Kubernetes would refuse the pod of each run, one by one, when the release is there already. */}}
{{- define "video-assets.checkResources" -}}
{{- $name := .name }}
{{- $limits := .resources.limits }}
{{- range $what, $request := .resources.requests }}
{{- if hasKey $limits $what }}
{{- $limit := get $limits $what }}
{{- if gt (include "video-assets.quantity" $request | float64) (include "video-assets.quantity" $limit | float64) }}
{{- fail (printf "%s: %s is requested as %v, more than its limit of %v" $name $what $request $limit) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* 500m, 2, 1.5Gi as a number. */}}
{{- define "video-assets.quantity" -}}
{{- $text := toString . }}
{{- $factors := dict "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 }}
{{- $suffix := regexFind "[a-zA-Z]+$" $text }}
{{- mulf (trimSuffix $suffix $text | float64) (get $factors $suffix | default 1.0) }}
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

{{- /* The program's own settings. */}}
{{- define "video-assets.settingsEnv" -}}
- {name: VIDEO_ASSETS_DATA_ROOT, value: {{ .Values.data.mountPath | quote }}}
- {name: VIDEO_ASSETS_CONFIG, value: /etc/video-assets/video_assets.toml}
{{- end }}

{{- /* For code server and runs: settings and what fetching needs. */}}
{{- define "video-assets.projectEnv" -}}
{{ include "video-assets.settingsEnv" . }}
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
fields), restartPolicy, isProject (settings and secrets of the program), hasData (the shared volume), canLaunch (rights in the cluster),
isReadOnly (looks only), init (an init container's arguments), isProposed (settings of an upgrade that has not happened yet),
isOnlyLooking (no database, the volume read-only), ownEnv (more variables). */}}
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
  serviceAccountName: {{ include "video-assets.name" $root }}{{ if .isReadOnly }}-read-only{{ else if not .canLaunch }}-runs{{ end }}
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
  {{- with .init }}
  initContainers:
    - name: init
      image: {{ include "video-assets.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toYaml . | nindent 8 }}
      securityContext: {{ include "video-assets.containerSecurityContext" $root | nindent 8 }}
      resources: {{ toYaml $.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- include "video-assets.dataMount" $root | nindent 8 }}
  {{- end }}
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
        {{- with .ownEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if not .isOnlyLooking }}
        {{- include "video-assets.databaseEnv" $root | nindent 8 }}
        {{- end }}
        {{- if .isOnlyLooking }}
        {{- include "video-assets.settingsEnv" $root | nindent 8 }}
        {{- else if .isProject }}
        {{- include "video-assets.projectEnv" $root | nindent 8 }}
        - {name: DAGSTER_CURRENT_IMAGE, value: {{ include "video-assets.image" $root | quote }}}
        {{- with $root.Values.alerts.webhookSecret }}
        {{- if .name }}
        - {name: VIDEO_ASSETS_ALERT_WEBHOOK, valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}}
        {{- end }}
        {{- end }}
        {{- end }}
        {{- if .isProposed }}
        - {name: VIDEO_ASSETS_DATA_ROOT, value: {{ $root.Values.data.mountPath | quote }}}
        {{- end }}
        {{- with $root.Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumeMounts:
        - {name: home, mountPath: /opt/dagster}
        - {name: instance, mountPath: /opt/dagster/dagster.yaml, subPath: {{ if .isReadOnly }}read-only.yaml{{ else }}dagster.yaml{{ end }}, readOnly: true}
        - {name: instance, mountPath: /etc/dagster/workspace.yaml, subPath: workspace.yaml, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if or .isProject .isProposed }}
        - {name: settings, mountPath: /etc/video-assets, readOnly: true}
        {{- end }}
        {{- if .isProposed }}
        - {name: proposed, mountPath: /etc/proposed, readOnly: true}
        {{- end }}
        {{- if .hasData }}
        {{- include "video-assets.dataMount" $root | nindent 8 }}
          {{- if or .isReadOnly .isOnlyLooking }}
          readOnly: true
          {{- end }}
        {{- end }}
        {{- with $root.Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: home, emptyDir: {sizeLimit: 256Mi}}
    - {name: tmp, emptyDir: {sizeLimit: {{ if .isOnlyLooking }}8Gi{{ else }}1Gi{{ end }}}}
    - {name: instance, configMap: {name: {{ include "video-assets.name" $root }}-instance}}
    {{- if or .isProject .isProposed }}
    - {name: settings, configMap: {name: {{ include "video-assets.name" $root }}-settings}}
    {{- end }}
    {{- if .isProposed }}
    - {name: proposed, configMap: {name: {{ include "video-assets.name" $root }}-proposed}}
    {{- end }}
    {{- if .hasData }}
    {{- include "video-assets.dataVolume" $root | nindent 4 }}
    {{- end }}
    {{- with $root.Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
