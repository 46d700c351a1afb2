#!/bin/bash
# Two real calls on loopback, told to a person: test/interop/demo/run.sh [-once]
# Installs and builds what it needs, brings the bed up in this machine's own network on
# 127.7.0.x, and takes everything down at the end.
set -u
cd "$(dirname "$0")/../../.." || exit 1
bed=$PWD/test/interop/bed/bed
if [ -z "${BED_RUN:-}" ]; then "$bed" install || exit 1; exec "$bed" exec "$0" "$@"; fi

[ "$("$bed" status | grep -c pid)" = 0 ] || { echo 'demo: one is running already: end it, or run "test/interop/bed/bed down"' >&2; exit 1; }
trap '"$bed" clean' EXIT
trap : INT TERM        # the demo itself ends its calls and the gateway; then the bed goes down
"$bed" clean && mkdir -p "$BED_RUN" || exit 1
export ROOMLINE_BIN=$BED_RUN/roomline
CGO_ENABLED=0 go build -tags goolm -trimpath -o "$ROOMLINE_BIN" ./cmd/roomline || exit 1
CGO_ENABLED=0 go build -tags goolm -trimpath -o "$BED_RUN/demo" ./test/interop/demo || exit 1
"$bed" config "$BED_RUN/roomline.yaml" && "$ROOMLINE_BIN" registration -c "$BED_RUN/roomline.yaml" >/dev/null || exit 1
"$bed" up || exit 1
"$BED_RUN/demo" "$@" "$BED_RUN/roomline.yaml"
