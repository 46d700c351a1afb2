#!/bin/bash
# The tests with real peers: brings the bed up, runs them, takes it down again.
# Run by `bed exec`, usually in a network namespace: BED_NETNS=NAME bed/bed exec run.sh [go test flags]
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${BED_RUN:?run this by test/interop/bed/bed exec}"
bed=$BED/bed
trap '"$bed" clean' EXIT
trap 'exit 130' INT TERM
"$bed" clean; mkdir -p "$BED_RUN" || exit 1
if [ -z "${ROOMLINE_BIN:-}" ]; then
  export ROOMLINE_BIN=$BED_RUN/roomline
  CGO_ENABLED=0 go build -tags goolm -trimpath -o "$ROOMLINE_BIN" ./cmd/roomline || exit 1
fi
# What the homeserver is told lets those encrypt that want to; the others take no notice.
"$bed" config "$BED_RUN/roomline.yaml" && sed 's/^matrix:/&\n  encryption: {enabled: true}/' "$BED_RUN/roomline.yaml" >"$BED_RUN/encrypted.yaml" &&
  "$ROOMLINE_BIN" registration -c "$BED_RUN/encrypted.yaml" >/dev/null || exit 1
"$bed" up || exit 1
run() { go test -tags goolm,interop -count=1 -timeout 40m "$@"; }
# The bed by itself first, unless BED_RIG says that it was. What stands in for the gateway there must not be remembered by the homeserver.
{ [ -n "${BED_RIG:-}" ] || { run ./test/interop/rig && "$bed" down homeserver && "$bed" up homeserver; }; } && run "$@" ./test/interop
rc=$?
[ $rc = 0 ] || { keep=$(mktemp -d -t roomline-interop-XXXXXX); cp -r "$BED_RUN"/*.log "$BED_RUN/failed" "$BED_RUN/cdr.jsonl" "$BED_RUN/asterisk/log" "$keep" 2>/dev/null; echo "interop: the logs of the peers, and the gateway's folders, are in $keep"; }
exit $rc
