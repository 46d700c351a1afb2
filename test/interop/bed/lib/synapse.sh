# Synapse from the sid tree, with two users on it.

synapse_up() {
  svc_pid synapse >/dev/null && { log 'synapse: already up'; return 0; }
  local d=$RUN/synapse t u; t=$(now)
  mkdir -p "$d/media"
  render "$BED/conf/synapse/homeserver.yaml.in" "$d/homeserver.yaml" || return 1
  cp "$BED/conf/synapse/log.yaml" "$d/"
  registration "$d/registration.yaml" || return 1
  # 'ed25519 a_XXXX <unpadded base64 of 32 bytes>': what --generate-keys would write, without a second Python start
  [ -f "$d/signing.key" ] || printf 'ed25519 a_bed %s\n' "$(head -c32 /dev/urandom | base64 -w0 | tr -d =)" >"$d/signing.key"
  svc_start synapse "$BED/lib/sidrun" /usr/bin/python3 -m synapse.app.homeserver -c /bed/synapse/homeserver.yaml
  svc_wait synapse 60 curl -fsS -o /dev/null -m 2 "$BED_HS/health" || return 1
  for u in alice bob; do hs_register "$u" || return 1; done
  log "synapse: up in $(since "$t") s"
}

# The gateway's registration must be there before Synapse starts. Without one the bed
# writes its own, so that it can be tried alone.
registration() { # OUT
  local theirs=${ROOMLINE_REGISTRATION:-$RUN/registration.yaml}
  if [ -f "$theirs" ]; then cp "$theirs" "$1"; else render "$BED/conf/synapse/registration.yaml.in" "$1"; fi
}

hs_register() { # USER ; by shared secret, once
  local url=$BED_HS/_synapse/admin/v1/register nonce mac out
  nonce=$(curl -fsS "$url" | sed 's/.*"nonce":"\([^"]*\)".*/\1/') || return 1
  mac=$(printf '%s\0%s\0%s\0notadmin' "$nonce" "$1" "$BED_PASSWORD" | openssl dgst -sha1 -hmac "$BED_REG_SECRET" | awk '{print $NF}')
  out=$(curl -sS "$url" -d "{\"nonce\":\"$nonce\",\"username\":\"$1\",\"password\":\"$BED_PASSWORD\",\"admin\":false,\"mac\":\"$mac\"}")
  case $out in *access_token*|*M_USER_IN_USE*) ;; *) log "synapse: cannot register $1: $out"; return 1 ;; esac
}
