# Synapse from the sid tree.

synapse_up() {
  svc_pid synapse >/dev/null && { log 'synapse: already up'; return 0; }
  local d=$RUN/synapse t; t=$(now)
  mkdir -p "$d/media"
  render "$BED/conf/synapse/homeserver.yaml.in" "$d/homeserver.yaml" || return 1
  [ -n "${BED_SYNAPSE_PLAIN:-}" ] || cat "$BED/conf/synapse/encryption.yaml" >>"$d/homeserver.yaml"
  cp "$BED/conf/synapse/log.yaml" "$d/"
  registration "$d/registration.yaml" || return 1
  # 'ed25519 a_XXXX <unpadded base64 of 32 bytes>': what --generate-keys would write, without a second Python start
  [ -f "$d/signing.key" ] || printf 'ed25519 a_bed %s\n' "$(head -c32 /dev/urandom | base64 -w0 | tr -d =)" >"$d/signing.key"
  svc_start synapse "$BED/lib/sidrun" /usr/bin/python3 -m synapse.app.homeserver -c /bed/synapse/homeserver.yaml
  svc_wait synapse 60 curl -fsS -o /dev/null -m 2 "$BED_HS/health" || return 1
  hs_users && log "synapse: up in $(since "$t") s"
}
