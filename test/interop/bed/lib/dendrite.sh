# Dendrite, the second homeserver: built by `bed install`, one process, at Synapse's address.

dendrite_up() {
  svc_pid dendrite >/dev/null && { log 'dendrite: already up'; return 0; }
  local d=$RUN/dendrite t; t=$(now)
  mkdir -p "$d/media"
  render "$BED/conf/dendrite/dendrite.yaml.in" "$d/dendrite.yaml" || return 1
  registration "$d/registration.yaml" || return 1
  [ -f "$d/matrix_key.pem" ] || dendrite_key >"$d/matrix_key.pem"
  # without an https address of its own it opens :8448 on every interface
  svc_start dendrite "$DENDRITE/dendrite" -config "$d/dendrite.yaml" \
    -http-bind-address "$BED_HS_ADDR:$BED_HS_PORT" -https-bind-address "$BED_HS_ADDR:8448"
  svc_wait dendrite 60 curl -fsS -o /dev/null -m 2 "$BED_HS/_matrix/client/versions" || return 1
  hs_users && log "dendrite: up in $(since "$t") s"
}
dendrite_key() { # what its generate-keys writes: the seed of an Ed25519 key
  printf -- '-----BEGIN MATRIX PRIVATE KEY-----\nKey-ID: ed25519:bed\n\n%s\n-----END MATRIX PRIVATE KEY-----\n' "$(head -c32 /dev/urandom | base64 -w0)"
}
