# What the homeservers have in common: Synapse or Dendrite, one at a time, as $BED_HS_KIND says.

homeserver_up() { "${BED_HS_KIND}_up"; }
service() { if [ "$1" = homeserver ]; then echo "$BED_HS_KIND"; else echo "$1"; fi; } # NAME -> whose pid file it is

hs_users() { local u; for u in alice bob; do hs_register "$u" || return 1; done; }

# The gateway's registration must be there before the homeserver starts. Without one the bed
# writes its own, so that it can be tried alone.
registration() { # OUT
  local theirs=${ROOMLINE_REGISTRATION:-$RUN/registration.yaml}
  if [ -f "$theirs" ]; then cp "$theirs" "$1"; else render "$BED/conf/synapse/registration.yaml.in" "$1"; fi
}

hs_register() { # USER ; by shared secret, once; Dendrite has the same API
  local url=$BED_HS/_synapse/admin/v1/register nonce mac out
  nonce=$(curl -fsS "$url" | sed 's/.*"nonce":"\([^"]*\)".*/\1/') || return 1
  mac=$(printf '%s\0%s\0%s\0notadmin' "$nonce" "$1" "$BED_PASSWORD" | openssl dgst -sha1 -hmac "$BED_REG_SECRET" | awk '{print $NF}')
  out=$(curl -sS "$url" -d "{\"nonce\":\"$nonce\",\"username\":\"$1\",\"password\":\"$BED_PASSWORD\",\"admin\":false,\"mac\":\"$mac\"}")
  case $out in *access_token*|*M_USER_IN_USE*) ;; *) log "bed: cannot register $1: $out"; return 1 ;; esac
}
