{{- define "video-assets.notes" -}}
{{- $name := include "video-assets.name" . -}}
{{- $namespace := .Release.Namespace -}}
video-assets is installed as {{ .Release.Name }} in namespace {{ $namespace }}: {{ dig "decode" "n_shards" 24 .Values.settings }} shards, at most {{ .Values.runs.maxConcurrent }} runs at a time.

1. Wait until it is up:      kubectl -n {{ $namespace }} rollout status deployment/{{ $name }}-code deployment/{{ $name }}-webserver deployment/{{ $name }}-daemon
2. Open the UI:              kubectl -n {{ $namespace }} port-forward svc/{{ $name }}-webserver 3000:{{ .Values.webserver.service.port }}      then http://127.0.0.1:3000
3. Why is a clip (not) in?   kubectl -n {{ $namespace }} exec deployment/{{ $name }}-code -- video-assets why CLIP --data-root {{ .Values.data.mountPath }}
{{ if not (or (dig "own_clips" "folder" "" .Values.settings) (dig "own_clips" "captions" "" .Values.settings) (dig "openvid" "is_enabled" (dig "openvid" "enabled" false .Values.settings) .Values.settings) (dig "miradata" "is_enabled" (dig "miradata" "enabled" false .Values.settings) .Values.settings)) }}
No source of clips is set yet: set settings.own_clips.folder (and captions), settings.openvid.is_enabled or settings.miradata.is_enabled.
{{ end -}}
{{ if and .Values.networkPolicy.enabled .Values.ingress.enabled (not .Values.networkPolicy.webserverFrom) }}
Only pods of namespace {{ $namespace }} reach the web server: name your Ingress controller's pods in networkPolicy.webserverFrom.
{{ end }}
{{- if .Values.sample.enabled }}
It makes sample clips and goes on by itself. A few minutes after it is up there is a training CSV; watch the assets turn green in the UI, or:
kubectl -n {{ $namespace }} exec deployment/{{ $name }}-code -- sh -c 'head -3 {{ .Values.data.mountPath }}/training/training.csv'
{{ end }}
{{- if .Values.postgresql.bundled.enabled }}
PostgreSQL is the bundled one, for trials: one replica, no backups.
{{ end }}
{{- end }}
