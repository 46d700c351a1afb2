# Settings and helpers of the bed. Sourced by ./bed.
# Servers listen on 127.7.0.x only. What is installed lives under $CACHE, what runs under $RUN.

CACHE=${ROOMLINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/roomline-bed}
RUN=${BED_RUN:-$CACHE/run-${BED_NETNS:-host}}
ROOT=$CACHE/sid              # the unpacked Debian sid tree: Asterisk and Synapse
DENDRITE_VERSION=v0.15.2
DENDRITE=$CACHE/dendrite-$DENDRITE_VERSION

# ---- addresses --------------------------------------------------------------
# Linux answers on all of 127.0.0.0/8 without setup, so each host of a call gets an
# address of its own and the usual ports. Two beds at once differ by network namespace.
BED_HS_NAME=matrix.test                     # the server part of Matrix IDs
BED_HS_ADDR=127.7.0.10 BED_HS_PORT=8008     # the homeserver
BED_HS_KIND=${BED_HS_KIND:-synapse}         # which one: synapse, dendrite
BED_GW_ADDR=127.7.0.2                       # the gateway: SIP 5060, media, HTTP
BED_AS_PORT=29500                           # where Synapse pushes to it
BED_HTTP_PORT=9095                          # its metrics and health
BED_PBX_ADDR=127.7.0.1 BED_AMI_PORT=5038    # Asterisk: SIP 5060, RTP 20000-20999
BED_PROXY_ADDR=127.7.0.6                    # Kamailio: SIP 5060
BED_WEB_ADDR=127.7.0.5 BED_WEB_PORT=8090    # the browser's page
BED_HS=http://$BED_HS_ADDR:$BED_HS_PORT
BED_DIST=$CACHE/dist-$(cat "$BED"/../browser/* 2>/dev/null | sha256sum | cut -c1-12)
BED_REC=$RUN/asterisk/rec                   # what Asterisk heard, one WAV a call

# ---- secrets: constants, for a bed that only loopback can reach --------------
BED_REG_SECRET=bed-registration-secret
BED_PASSWORD=bedpassword                    # of @alice and @bob
BED_SIP_USER=gw BED_SIP_SECRET=gwsecret     # the gateway's account on the trunk
BED_AMI_USER=bed BED_AMI_SECRET=bedsecret

export CACHE RUN ROOT BED_RUN=$RUN BED_DIST BED_REC BED_HS BED_HS_KIND BED_HS_NAME BED_HS_ADDR BED_HS_PORT BED_GW_ADDR BED_AS_PORT \
  BED_HTTP_PORT BED_PROXY_ADDR BED_PBX_ADDR BED_AMI_PORT BED_WEB_ADDR BED_WEB_PORT BED_REG_SECRET BED_PASSWORD BED_SIP_USER \
  BED_SIP_SECRET BED_AMI_USER BED_AMI_SECRET

case $BED_HS_KIND in synapse|dendrite) ;; *) echo "bed: BED_HS_KIND is synapse or dendrite, not $BED_HS_KIND" >&2; exit 1 ;; esac

log()  { printf '%s\n' "$*" >&2; }
die()  { log "bed: $*"; exit 1; }
now()  { date +%s.%N; }
since(){ awk -v a="$1" -v b="$(now)" 'BEGIN{printf "%.1f", b-a}'; }

# ---- processes --------------------------------------------------------------
# One pid file per server. A pid counts as ours only while its start time (field 22
# of /proc/PID/stat) is the one noted, so a recycled pid is never signalled.
_stime() { awk '{sub(/.*\) /,""); print $20}' "/proc/$1/stat" 2>/dev/null; }
svc_pid() { # NAME -> prints the pid if the server runs
  local f=$RUN/$1.pid pid st
  [ -f "$f" ] || return 1
  read -r pid st <"$f"
  [ -n "$pid" ] && [ "$(_stime "$pid")" = "$st" ] && echo "$pid"
}
svc_start() { # NAME CMD... ; output is added to $RUN/NAME.log
  local name=$1; shift
  setsid "$@" </dev/null >>"$RUN/$name.log" 2>&1 &
  local pid=$!
  sleep 0.05   # setsid execs in place when it is not a group leader, so $! is the server
  echo "$pid $(_stime $pid)" >"$RUN/$name.pid"
}
svc_stop() { # NAME ; TERM, then KILL after 10 s; may be repeated
  local pid i
  pid=$(svc_pid "$1") || { rm -f "$RUN/$1.pid"; return 0; }
  kill -TERM "$pid" 2>/dev/null
  for i in $(seq 100); do svc_pid "$1" >/dev/null || break; sleep 0.1; done
  pid=$(svc_pid "$1") && kill -KILL "$pid" 2>/dev/null
  rm -f "$RUN/$1.pid"
}
svc_wait() { # NAME SECONDS CMD... ; until CMD succeeds or the server has died
  local name=$1 i n=$(($2 * 20)); shift 2
  for i in $(seq "$n"); do
    "$@" >/dev/null 2>&1 && return 0
    svc_pid "$name" >/dev/null || { log "$name died:"; tail -20 "$RUN/$name.log" >&2; return 1; }
    sleep 0.05
  done
  log "$name is not ready after $((n / 20)) s"; tail -20 "$RUN/$name.log" >&2; return 1
}

# Fill @NAME@ in a template from the environment.
render() { # TEMPLATE OUT
  awk '{ while (match($0, /@[A-Z_]+@/)) { n=substr($0,RSTART+1,RLENGTH-2);
         if (!(n in ENVIRON)) { print "render: " n " is not set" >"/dev/stderr"; exit 1 }
         $0=substr($0,1,RSTART-1) ENVIRON[n] substr($0,RSTART+RLENGTH) } print }' "$1" >"$2"
}
