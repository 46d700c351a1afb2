# Asterisk 22 from the sid tree: the SIP trunk's far end.

asterisk_up() {
  svc_pid asterisk >/dev/null && { log 'asterisk: already up'; return 0; }
  local d=$RUN/asterisk f t; t=$(now)
  mkdir -p "$d"/{etc,lib/keys,spool,run,log,cache,rec}; rm -f "$d/run/"*
  # stock files for what the bed leaves at its defaults
  for f in indications udptl ccss acl pjsip_notify features; do cp "$ROOT/etc/asterisk/$f.conf" "$d/etc/"; done
  for f in "$BED"/conf/asterisk/*; do
    case $f in *.in) render "$f" "$d/etc/$(basename "$f" .in)" || return 1 ;; *) cp "$f" "$d/etc/" ;; esac
  done
  # ahead of the rest where that is allowed: late frames would be the bed's fault, not the gateway's
  svc_start asterisk nice -n -15 "$BED/lib/sidrun" /usr/sbin/asterisk -f -n -C /bed/asterisk/etc/asterisk.conf
  svc_wait asterisk 30 booted && log "asterisk: up in $(since "$t") s"
}
booted() { ast core waitfullybooted | grep -q 'fully booted'; }
ast() { "$BED/lib/sidrun" /usr/sbin/asterisk -C /bed/asterisk/etc/asterisk.conf -rx "$*"; }   # one console command
