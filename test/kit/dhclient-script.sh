#!/bin/sh
# What ISC dhclient runs on each event in a test's VM, in place of the distribution's script, which would rewrite /etc/resolv.conf.
# dhclient-script(8): the new lease's values are in new_…
case "$reason" in
  PREINIT) ip link set "$interface" up ;;
  BOUND | RENEW | REBIND | REBOOT)
    [ -z "$new_interface_mtu" ] || ip link set "$interface" mtu "$new_interface_mtu"
    ip -4 addr replace "$new_ip_address/$new_subnet_mask" dev "$interface"
    [ -z "$new_routers" ] || ip -4 route replace default via "${new_routers%% *}" dev "$interface" onlink
    ;;
  EXPIRE | FAIL | RELEASE | STOP) ip -4 addr flush dev "$interface" ;;
esac
exit 0
