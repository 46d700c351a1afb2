#!/bin/bash
# Every test there is, in order; what fails does not keep the rest from being run. The
# last lines say what passed and how long it took. Exit status 0 only if everything did.
#
#   test/run.sh [STEP...]     all steps, or those named: install build format vet staticcheck vulns units fuzz interop
#   FUZZTIME=3s               for each fuzz target
set -u
cd "$(dirname "$0")/.." || exit 1
bed=$PWD/test/interop/bed/bed tags=goolm summary=() failed=0

install() { "$bed" install; }
build() { make -s build; }
format() { local bad; bad=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); [ -z "$bad" ] || { echo "not formatted: $bad"; return 1; }; }
vet() { go vet -tags $tags,interop ./...; }
staticcheck() { # built from its own module, at the version that test/tools/go.mod names
  local out; out=$(mktemp -d) && (cd test/tools && go build -o "$out/staticcheck" honnef.co/go/tools/cmd/staticcheck) \
    && "$out/staticcheck" -tags $tags,interop ./...
  local rc=$?; rm -rf "$out"; return $rc
}
units() { # those of the database start a PostgreSQL of their own
  CGO_ENABLED=1 go test -race -tags $tags ./...; }
fuzz() { # each target for a short while; what it finds is left in testdata/fuzz
  local rc=0 dir pkg target
  while read -r dir pkg; do
    for target in $(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do
      echo "$pkg $target"
      go test -tags $tags -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-3s}" "$pkg" >"$log.fuzz" 2>&1 || overtime || { cat "$log.fuzz"; rc=1; }
    done
  done < <(go list -tags $tags -f '{{.Dir}} {{.ImportPath}}' ./...)
  rm -f "$log.fuzz"; return $rc
}
overtime() { # Go's fuzzer calls it a failure, now and then, that its time is over while a worker is busy
  grep -q 'context deadline exceeded' "$log.fuzz" && ! grep -qE 'Failing input|seed corpus entry|panic' "$log.fuzz"
}
vulns() { # optional: the database of known vulnerabilities may be out of reach
  local out rc; out=$(mktemp -d)
  (cd test/tools && go build -o "$out/govulncheck" golang.org/x/vuln/cmd/govulncheck) || { rm -rf "$out"; return 1; }
  "$out/govulncheck" -tags $tags ./... >"$out/said" 2>&1; rc=$?
  cat "$out/said"
  if grep -q 'fetching vulnerabilities' "$out/said"; then
    printf '\n*** NOT CHECKED: known vulnerabilities. The database cannot be reached from here. This check is optional. ***\n\n'; rc=75
  fi
  rm -rf "$out"; return $rc
}
# What runs with Dendrite as well as with Synapse: all that goes through the homeserver. Left
# out is what SIP, the trunk or a lost path decide, the same again in variants, and the load.
on_dendrite='^Test(WhatTheHomeserverHas|CheckAsksTheHomeserver|RoomToPhone|PhoneToRoom|NumbersAsTyped|KnownCallerRingsInTheirChat'
on_dendrite+='|KeysBothWays|KeysByCommand|DigitsReachTheRoom|ClientHoldsAtAsterisk|PhoneHolds|BothHold'
on_dendrite+='|BlindTransferByRefer|AttendedTransferByRefer|TransferByCommand|Commands|StrangersMayNothing|CallsThatAreNotAllowed|PowerLevel'
on_dendrite+='|UnansweredFromThePhone|NobodyToRing|HangupFromTheRoom|HangupFromThePhone|Why|Story|MissedCallIsCounted'
on_dendrite+='|HomeserverDown|HomeserverDownWhileTheRoomRings|StaleInvite|Drain|KilledGateway'
on_dendrite+='|HuntGroup|RoomAndUserAtOnce|GroupRoom|CallersName|ConnectedLine|Account.*|SwitchesAreOff)$'
interop() { # real peers, in two network namespaces at once: a call takes its time, not the machine's
  local ns=roomline-test-$$ most='^Test[A-O]' rc=0 n first   # more at once, and sound breaks off on two cores
  trap 'for n in 1 2 3 4; do BED_NETNS='$ns'-$n "$bed" clean; done' EXIT
  { BED_NETNS=$ns-1 "$bed" exec test/interop/run.sh -run "$most"; rc=$?
    BED_NETNS=$ns-4 "$bed" exec test/interop/trunk/run.sh && [ $rc = 0 ]   # SIP peers without a homeserver
  } >"$log.1" 2>&1 & first=$!
  export BED_RIG=tried   # the bed by itself: once is enough
  test/interop/lone/run.sh || rc=1   # browsers without a homeserver
  BED_NETNS=$ns-2 "$bed" exec test/interop/run.sh -skip "$most" || rc=1
  BED_HS_KIND=dendrite BED_NETNS=$ns-3 "$bed" exec test/interop/run.sh -run "$on_dendrite" || rc=1
  wait "$first" || rc=1
  cat "$log.1"; rm -f "$log.1"
  return $rc
}

step() { # NAME ; its output is shown as it comes
  local t=$SECONDS said=passed
  echo "== $1"
  ( "$1" ) 2>&1 | tee "$log"
  case ${PIPESTATUS[0]} in
    0) ;;
    75) said='NOT RUN' ;;   # only an optional step says so, loudly
    *) said=FAILED; failed=1 ;;
  esac
  summary+=("$(printf '%-12s %-8s %4d s' "$1" "$said" $((SECONDS - t)))")
}
log=$(mktemp); trap 'rm -f "$log"' EXIT
for s in "${@:-install build format vet staticcheck vulns units fuzz interop}"; do for n in $s; do step "$n"; done; done
printf '\n== summary, %d s in all\n' $SECONDS
printf '%s\n' "${summary[@]}"
exit $failed
