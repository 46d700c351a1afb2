#!/bin/bash
# Chromium and Firefox, each alone with a peer. Both find their addresses as on any
# machine, so this runs in a network of its own that has one besides loopback, and a
# default route: Firefox gathers no candidates without.
#
#   test/interop/lone/run.sh [go test flags]     LONE=Firefox: only that one
set -eu
cd "$(dirname "$0")/../../.."
exec unshare --net bash -c '
  ip link set lo up
  ip link add lone0 type veth peer name lone1
  ip addr add 192.0.2.9/24 dev lone0
  ip link set lone0 up; ip link set lone1 up
  ip route add default via 192.0.2.1 dev lone0
  exec go test -tags goolm,interop -count=1 -timeout 10m "$@" ./test/interop/lone' lone "$@"
