/** GoBGP as the other BGP speaker. */
import { THEIR_ROUTES, testDaemon } from './bgp-daemon.ts';
import { type BgpLab, OURS, THEIRS } from './bgp-lab.ts';

const neighbour = (address: string, family: string): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${OURS.asn}
  [neighbors.timers.config]
    connect-retry = 2
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"
`;

const CONFIG = `
[global.config]
  as = ${THEIRS.asn}
  router-id = "${THEIRS.ipv4}"
  local-address-list = ["${THEIRS.ipv4}", "${THEIRS.ipv6}"]
${neighbour(OURS.ipv4, 'ipv4-unicast')}
${neighbour(OURS.ipv6, 'ipv6-unicast')}
`;

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
  async routes(lab) {
    const tables = ['ipv4', 'ipv6'].map((family) => gobgp(lab, 'global', 'rib', '-a', family));
    return (await Promise.all(tables)).join('\n');
  },
});
