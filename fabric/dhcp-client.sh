#!/bin/sh
# What busybox udhcpc runs on each event inside a namespace VM: puts the lease onto the interface.
# RFC 2132 options as udhcpc names them: ip, mask (prefix length), router (3), mtu (26), staticroutes (121, RFC 3442).
set -eu
case "$1" in
  deconfig)
    ip link set "$interface" up
    ip -4 addr flush dev "$interface"
    ;;
  bound | renew)
    [ -z "${mtu:-}" ] || ip link set "$interface" mtu "$mtu"
    ip -4 addr replace "$ip/${mask:-32}" dev "$interface"
    if [ -n "${staticroutes:-}" ]; then
      # RFC 3442: a client that understands option 121 ignores option 3.
      set -- $staticroutes
      while [ $# -ge 2 ]; do
        case "$2" in
          0.0.0.0) ip -4 route replace "$1" dev "$interface" ;;
          *) ip -4 route replace "$1" via "$2" dev "$interface" onlink ;;
        esac
        shift 2
      done
    elif [ -n "${router:-}" ]; then
      ip -4 route replace default via "${router%% *}" dev "$interface" onlink
    fi
    ;;
esac
