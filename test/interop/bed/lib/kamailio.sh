# Kamailio from the sid tree: a registrar and proxy in front of the gateway, which stays in the
# path of its calls (Record-Route).

kamailio_up() {
  svc_pid kamailio >/dev/null && { log 'kamailio: already up'; return 0; }
  local d=$RUN/kamailio t; t=$(now)
  mkdir -p "$d"; rm -f "$d"/*.sock "$d"/*.fifo
  render "$BED/conf/kamailio/kamailio.cfg.in" "$d/kamailio.cfg" || return 1
  # -DD stays in the foreground, -E logs to standard error; a little memory is enough here
  svc_start kamailio "$BED/lib/sidrun" /usr/sbin/kamailio -DD -E -m 32 -M 8 -f /bed/kamailio/kamailio.cfg -L /usr/lib/x86_64-linux-gnu/kamailio/modules -Y /bed/kamailio
  svc_wait kamailio 20 kam core.uptime && log "kamailio: up in $(since "$t") s"
}
# one command to its control socket, by its JSON-RPC over HTTP: kam ul.dump
kam() { curl -fsS "http://$BED_PROXY_ADDR:5060/rpc" -d "{\"jsonrpc\":\"2.0\",\"method\":\"$1\",\"params\":[${2:-}],\"id\":1}"; }
