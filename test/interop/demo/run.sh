#!/bin/bash
# Two real calls on loopback, told to a person: test/interop/demo/run.sh [-once]
# Installs and builds what it needs, brings the bed up in this machine's own network on
# 127.7.0.x, and takes everything down at the end.
set -u
cd "$(dirname "$0")/../../.." || exit 1
bed=$PWD/test/interop/bed/bed
fail() { # with -once the last line is the report, also where there was no call to report
  [ -z "${*:1}" ] || printf 'demo: %s\n' "$*" >&2
  none='{"answered":false,"heard_by_room":false,"heard_by_phone":false,"setup_ms":0,"codec":""}'
  [ "$once" != -once ] || printf '{"room_to_phone":%s,"phone_to_room":%s}\n' "$none" "$none"
  exit 1
}
once=${1:-}
if [ -z "${BED_RUN:-}" ]; then "$bed" install || fail; exec "$bed" exec "$0" "$@"; fi

[ "$("$bed" status | grep -c pid)" = 0 ] || fail 'one is running already: end it, or run "test/interop/bed/bed down"'
trap '"$bed" clean' EXIT
trap : INT TERM        # the demo itself ends its calls and the gateway; then the bed goes down
"$bed" clean && mkdir -p "$BED_RUN" || fail
export ROOMLINE_BIN=$BED_RUN/roomline
CGO_ENABLED=0 go build -tags goolm -trimpath -o "$ROOMLINE_BIN" ./cmd/roomline || fail
CGO_ENABLED=0 go build -tags goolm -trimpath -o "$BED_RUN/demo" ./test/interop/demo || fail
"$bed" config "$BED_RUN/roomline.yaml" && "$ROOMLINE_BIN" registration -c "$BED_RUN/roomline.yaml" >/dev/null || fail
"$bed" up || fail
"$BED_RUN/demo" "$@" "$BED_RUN/roomline.yaml"
