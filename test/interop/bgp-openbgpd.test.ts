/** OpenBGPD as the other BGP speaker. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { testDaemon } from './bgp-daemon.ts';
import { type BgpLab, OURS, THEIRS } from './bgp-lab.ts';

function config(directory: string): string {
  return `
AS ${THEIRS.asn}
router-id ${THEIRS.ipv4}
fib-update no
socket "${join(directory, 'bgpd.sock')}"
network 198.51.100.0/24 set community 65002:77
network 2001:db8:2::/48 set community 65002:77
neighbor ${OURS.ipv4} {
  remote-as ${OURS.asn}
  local-address ${THEIRS.ipv4}
}
neighbor ${OURS.ipv6} {
  remote-as ${OURS.asn}
  local-address ${THEIRS.ipv6}
}
allow from any
allow to any
`;
}

function bgpctl(lab: BgpLab, ...args: readonly string[]): Promise<string> {
  return lab.ask(['/usr/sbin/bgpctl', '-s', join(lab.directory, 'bgpd.sock'), ...args]);
}

testDaemon({
  name: 'OpenBGPD',
  package: 'openbgpd',
  programs: ['/usr/sbin/bgpd', '/usr/sbin/bgpctl'],
  async start(lab) {
    await mkdir('/run/openbgpd', { recursive: true }); // it gives up its right to look elsewhere
    const path = await lab.write('bgpd.conf', config(lab.directory), 0o600);
    return [await lab.start(['/usr/sbin/bgpd', '-d', '-f', path])];
  },
  // 7.7 drops every request for a family that was negotiated (openbgpd-portable issue 46: an inverted test); the session stands.
  answersRefresh: false,
  routes: (lab) => bgpctl(lab, 'show', 'rib', 'detail'),
  refresh: (lab) => bgpctl(lab, 'neighbor', OURS.ipv4, 'refresh'),
});
