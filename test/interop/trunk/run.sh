#!/bin/bash
# The tests with SIP peers only: brings Asterisk and Kamailio up, runs them, takes them down again.
# Run by `bed exec`, usually in a network namespace: BED_NETNS=NAME bed/bed exec trunk/run.sh [go test flags]
set -u
cd "$(dirname "$0")/../../.." || exit 1
: "${BED_RUN:?run this by test/interop/bed/bed exec}"
bed=$BED/bed
trap '"$bed" clean' EXIT
trap 'exit 130' INT TERM
"$bed" clean; mkdir -p "$BED_RUN" || exit 1
export ROOMLINE_BIN=$BED_RUN/roomline
CGO_ENABLED=0 go build -tags goolm -trimpath -o "$ROOMLINE_BIN" ./cmd/roomline || exit 1
# Asterisk does ICE only from an address that is not 127.0.0.0/8, though nothing is ever sent to it.
[ -z "${BED_IN_NETNS:-}" ] || ip addr replace 192.0.2.250/32 dev lo || exit 1
"$bed" up asterisk kamailio || exit 1
go test -tags goolm,interop -count=1 -timeout 15m "$@" ./test/interop/trunk
rc=$?
[ $rc = 0 ] || { keep=$(mktemp -d -t roomline-trunk-XXXXXX); cp -r "$BED_RUN"/*.log "$BED_RUN/failed" "$BED_RUN/asterisk/log" "$keep" 2>/dev/null; echo "interop: the logs of the peers, and the gateway's folders, are in $keep"; }
exit $rc
