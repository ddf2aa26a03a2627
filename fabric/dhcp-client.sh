#!/bin/sh
# What busybox udhcpc runs on each event inside a namespace VM: puts the lease onto the interface.
# RFC 2132 options as udhcpc names them: ip, mask (prefix length), router (3), mtu (26), staticroutes (121, RFC 3442).
# TABLES in the environment: routing tables that get its routes, `main` by default. Of any other table the rule is made too by which what has
# this interface's address as source is routed.
set -eu
tables=${TABLES:-main}

# route PREFIX [via ROUTER onlink]: by this interface, in each of its tables.
route() {
  for table in $tables; do
    ip -4 route replace "$@" dev "$interface" table "$table"
  done
}

case "$1" in
  deconfig)
    ip link set "$interface" up
    ip -4 addr flush dev "$interface"
    ;;
  bound | renew)
    [ -z "${mtu:-}" ] || ip link set "$interface" mtu "$mtu"
    ip -4 addr replace "$ip/${mask:-32}" dev "$interface"
    for table in $tables; do
      [ "$table" != main ] || continue
      ip -4 rule del from "$ip" lookup "$table" 2>/dev/null || true
      ip -4 rule add from "$ip" lookup "$table"
      connected=$(ip -4 route show dev "$interface" proto kernel scope link)
      [ -z "$connected" ] || ip -4 route replace "${connected%% *}" dev "$interface" table "$table"
    done
    if [ -n "${staticroutes:-}" ]; then
      # RFC 3442: a client that understands option 121 ignores option 3.
      set -- $staticroutes
      while [ $# -ge 2 ]; do
        case "$2" in
          0.0.0.0) route "$1" ;;
          *) route "$1" via "$2" onlink ;;
        esac
        shift 2
      done
    elif [ -n "${router:-}" ]; then
      route default via "${router%% *}" onlink
    fi
    ;;
esac
