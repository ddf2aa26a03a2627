/** GoBGP as the other BGP speaker, with every capability that both have; IPv6 next hops for IPv4 (RFC 8950) among them. */
import { THEIR_ROUTES, testDaemon } from './bgp-daemon.ts';
import { type BgpLab, OURS, THEIRS } from './bgp-lab.ts';

const neighbour = (address: string, family: string): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${OURS.asn}
  [neighbors.timers.config]
    connect-retry = 2
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 3
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    [neighbors.afi-safis.add-paths.config]
      receive = true
      send-max = 4
`;

const CONFIG = `
[global.config]
  as = ${THEIRS.asn}
  router-id = "${THEIRS.ipv4}"
  local-address-list = ["${THEIRS.ipv4}", "${THEIRS.ipv6}"]
${neighbour(OURS.ipv4, 'ipv4-unicast')}
${neighbour(OURS.ipv6, 'ipv6-unicast')}
`;

/** All that it has and this speaker has too; enhanced refresh and extended messages are unknown to it. */
const CAPABILITIES = [
  ...['ipv4-unicast', 'route-refresh', 'extended-nexthop'],
  ...['graceful-restart', '4-octet-as', 'add-path'],
];

function gobgp(lab: BgpLab, ...args: readonly string[]): Promise<string> {
  return lab.ask(['/usr/bin/gobgp', ...args]);
}

testDaemon({
  name: 'GoBGP',
  package: 'gobgpd',
  programs: ['/usr/bin/gobgpd', '/usr/bin/gobgp'],
  async start(lab) {
    const config = await lab.write('gobgpd.toml', CONFIG);
    const options = ['-f', config, '--api-hosts', '127.0.0.1:50051', '-p'];
    const daemon = await lab.start(['/usr/bin/gobgpd', ...options], /Peer|neighbor/i);
    for (const prefix of THEIR_ROUTES) {
      const family = prefix.includes(':') ? 'ipv6' : 'ipv4';
      const nextHop = prefix.includes(':') ? THEIRS.ipv6 : THEIRS.ipv4;
      const attributes = ['nexthop', nextHop, 'community', '65002:77'];
      await gobgp(lab, 'global', 'rib', 'add', prefix, ...attributes, '-a', family);
    }
    return [daemon];
  },
  neighbour: { gracefulRestartSec: 60, addPathReceive: true, addPathSend: 2 },
  async more(t, lab) {
    const text = await gobgp(lab, 'neighbor', OURS.ipv4);
    for (const capability of CAPABILITIES) {
      t.match(text, new RegExp(`${capability}:\\s+advertised and received`), capability);
    }
  },
  async routes(lab) {
    const tables = ['ipv4', 'ipv6'].map((family) => gobgp(lab, 'global', 'rib', '-a', family));
    return (await Promise.all(tables)).join('\n');
  },
});
