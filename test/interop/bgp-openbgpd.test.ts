/** OpenBGPD as the other BGP speaker, with roles (RFC 9234), enhanced refresh (RFC 7313), graceful restart (RFC 4724) and ADD-PATH (RFC 7911). */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Role } from '../../bgp/message/capability.ts';
import { testDaemon } from './bgp-daemon.ts';
import { type BgpLab, OURS, THEIRS } from './bgp-lab.ts';

const CAPABILITIES = `announce policy customer
  announce enhanced refresh yes
  announce restart yes
  announce add-path recv yes`;

const NEGOTIATED = [
  ...['Multiprotocol extensions: IPv4 unicast', '4-byte AS numbers', 'Route Refresh'],
  ...['Enhanced Route Refresh', 'Graceful Restart: Timeout: 60, IPv4 unicast'],
  ...['Add-path: IPv4 unicast recv', 'Open Policy role provider (local customer)'],
];

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
  ${CAPABILITIES}
}
neighbor ${OURS.ipv6} {
  remote-as ${OURS.asn}
  local-address ${THEIRS.ipv6}
  ${CAPABILITIES}
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
  neighbour: { role: Role.Provider, gracefulRestartSec: 60, addPathSend: 2 },
  async more(t, lab) {
    const text = await bgpctl(lab, 'show', 'neighbor', OURS.ipv4);
    const [, negotiated = ''] = text.split('Negotiated capabilities:');
    for (const capability of NEGOTIATED) t.match(negotiated, capability);
    t.match(text, /Begin-of-RR +0 +[1-9][\s\S]*End-of-RR +0 +[1-9]/, 'a refresh has both marks');
  },
  refresh: (lab) => bgpctl(lab, 'neighbor', OURS.ipv4, 'refresh'),
});
