#!/usr/bin/env bash
# npm run bench -- SUITE [OPTIONS]: builds, installs the Debian packages of the suite's peers, runs it. Prints a table and writes
# bench/results/SUITE.json. Suites are the folders of bench/ that have a main.ts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/lib/setup.sh

# ensure_peers PROGRAM:PACKAGE...: as ensure_programs, but no service of the packages is started, now or at boot: the suites start what they
# need by hand, in namespaces.
ensure_peers() {
  local policy=/usr/sbin/policy-rc.d made=''
  if [ "$(id -u)" -eq 0 ] && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    made=yes
  fi
  local before after service
  before=$(enabled_services)
  ensure_programs "$@"
  [ -z "$made" ] || rm -f $policy
  after=$(enabled_services)
  for service in $(comm -13 <(echo "$before") <(echo "$after")); do
    systemctl disable "$service" >/dev/null 2>&1 || true
  done
}

enabled_services() {
  find /etc/systemd/system -name '*.service' -printf '%f\n' 2>/dev/null | sort -u
}

suite=${1:-}
[ -n "$suite" ] && [ -f "bench/$suite/main.ts" ] ||
  fail "usage: npm run bench -- SUITE [OPTIONS]; suites: $(cd bench && ls -d */ | while read -r each; do
    [ -f "${each}main.ts" ] && printf '%s ' "${each%/}"
  done)"
shift

case $suite in
  frame-io)
    ensure_peers ip:iproute2 iperf3:iperf3 ping:iputils-ping
    ;;
  switch)
    ensure_peers ip:iproute2 busybox:busybox iperf3:iperf3 ping:iputils-ping ovs-vswitchd:openvswitch-switch
    ;;
  qos)
    ensure_peers ip:iproute2 tc:iproute2 busybox:busybox iperf3:iperf3
    ;;
  nat)
    ensure_peers ip:iproute2 iperf3:iperf3 ethtool:ethtool nft:nftables
    ;;
  slb)
    ensure_peers ip:iproute2 iperf3:iperf3 ethtool:ethtool nft:nftables haproxy:haproxy
    ;;
  recovery)
    ensure_peers ip:iproute2 busybox:busybox ping:iputils-ping dhclient:isc-dhcp-client
    ;;
  control)
    ensure_peers ovn-northd:ovn-central ovsdb-server:openvswitch-switch
    ;;
  bgp)
    ensure_peers ip:iproute2 bird:bird2 /usr/lib/frr/bgpd:frr gobgpd:gobgpd
    ;;
esac
build_all
# npm puts packages' commands first, and one of them has the name of nftables'. The system's are meant.
PATH=$(tr ':' '\n' <<<"$PATH" | grep -v '/node_modules/' | paste -sd ':')
node "dist/bench/$suite/main.js" "$@"
# docs/performance.md shows the last run.
node dist/bench/performance-page.js
