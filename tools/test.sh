#!/usr/bin/env bash
# npm test: everything that must hold, from a fresh clone. Ends with one line, `N passed, N failed`, and fails if anything did.
#
#   lint, boundaries, dead code    then unit and conformance tests (ava)    then tests in network namespaces (tap)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/lib/setup.sh

passed=0
failed=0
results=$(mktemp -d)
# Setup ends the script where it cannot go on: the last line is written in any case.
finish() {
  local code=$?
  rm -rf "$results"
  [ "$code" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] || exit 1
}
trap finish EXIT

# check TITLE COMMAND...: counts only when it fails; what it checks is one thing, not a number of tests.
check() { step "$@" || failed=$((failed + 1)); }

# suite TITLE COMMAND...: runs a command that prints TAP, adds up its tests, shows those that failed.
suite() {
  local title=$1 tap started counts
  shift
  tap=$results/${title// /-}.tap
  started=$SECONDS
  printf -- '-- %s\n' "$title"
  "$@" >"$tap" 2>"$tap.err" </dev/null
  local code=$?
  counts=$(node dist/tools/count-tap.js "$tap")
  local ok=${counts% *} not_ok=${counts#* }
  # A runner that ends badly although no test failed has not run them all.
  [ "$code" -eq 0 ] || [ "$not_ok" -gt 0 ] || not_ok=1
  passed=$((passed + ok))
  failed=$((failed + not_ok))
  [ "$not_ok" -eq 0 ] || { node dist/tools/count-tap.js --failures "$tap"; tail -40 "$tap.err"; }
  printf '   %s passed, %s failed (%s s)\n' "$ok" "$not_ok" $((SECONDS - started))
  local slowest
  slowest=$(node dist/tools/count-tap.js --slowest "$tap")
  [ -z "$slowest" ] || printf '   longest: %s\n' "$slowest"
}

# Namespaces need root, or a user namespace in which this user is root.
with_namespaces() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    unshare --user --map-root-user --net --mount -- sh -c \
      'mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && exec "$@"' sh "$@"
  fi
}

# in_namespaces JOBS FILE...: tap tests, so many files at a time.
in_namespaces() {
  local jobs=$1
  shift
  with_namespaces node dist/tools/run-tap-files.js --jobs "$jobs" --timeout 400 "$@"
}

ensure_programs ip:iproute2 busybox:busybox ping:iputils-ping dhclient:isc-dhcp-client \
  iperf3:iperf3 ethtool:ethtool tcpdump:tcpdump openssl:openssl curl:curl dig:bind9-dnsutils \
  traceroute:traceroute rdisc6:ndisc6
prefer_programs qemu-system-x86_64:qemu-system-x86
prefer_programs bird:bird2 /usr/lib/frr/bgpd:frr gobgpd:gobgpd /usr/sbin/bgpctl:openbgpd exabgp:exabgp bgpdump:bgpdump tshark:tshark
build_all

check 'lint' npx --no-install biome check --error-on-warnings .
check 'boundaries' npm --silent run boundaries
check 'dead code' npx --no-install knip
suite 'unit and conformance' with_namespaces npx --no-install ava --tap
suite 'in namespaces' in_namespaces 3 dist/test/integration/*.test.js dist/test/interop/*.test.js
