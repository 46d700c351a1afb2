# Asterisk 22 from the sid tree: the SIP trunk's far end.

asterisk_up() {
  svc_pid asterisk >/dev/null && { log 'asterisk: already up'; return 0; }
  local d=$RUN/asterisk f t; t=$(now)
  mkdir -p "$d"/{etc,lib/keys,spool,run,log,cache,rec}; rm -f "$d/run/"*
  certificates || return 1
  # stock files for what the bed leaves at its defaults
  for f in indications udptl ccss acl pjsip_notify features; do cp "$ROOT/etc/asterisk/$f.conf" "$d/etc/"; done
  for f in "$BED"/conf/asterisk/*; do
    case $f in *.in) render "$f" "$d/etc/$(basename "$f" .in)" || return 1 ;; *) cp "$f" "$d/etc/" ;; esac
  done
  # ahead of the rest where that is allowed: late frames would be the bed's fault, not the gateway's
  svc_start asterisk nice -n -15 "$BED/lib/sidrun" /usr/sbin/asterisk -f -n -C /bed/asterisk/etc/asterisk.conf
  svc_wait asterisk 30 booted && log "asterisk: up in $(since "$t") s"
}
# A certificate authority of the bed's own, and what it signs: for the exchange and for a gateway.
certificates() {
  local d=$RUN/tls n
  [ -e "$d/gateway.crt" ] && return 0
  mkdir -p "$d" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj '/CN=bed CA' -keyout "$d/ca.key" -out "$d/ca.crt" 2>/dev/null || return 1
  for n in "pbx IP:$BED_PBX_ADDR,DNS:pbx.test,URI:sip:pbx.test" "gateway IP:$BED_GW_ADDR,DNS:gateway.test,URI:sip:gateway.test"; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=${n%% *}" -keyout "$d/${n%% *}.key" -out "$d/${n%% *}.csr" 2>/dev/null &&
    openssl x509 -req -in "$d/${n%% *}.csr" -CA "$d/ca.crt" -CAkey "$d/ca.key" -CAcreateserial -days 30 -extfile <(echo "subjectAltName=${n#* }") -out "$d/${n%% *}.crt" 2>/dev/null || return 1
  done
}
booted() { ast core waitfullybooted | grep -q 'fully booted'; }
ast() { "$BED/lib/sidrun" /usr/sbin/asterisk -C /bed/asterisk/etc/asterisk.conf -rx "$*"; }   # one console command
