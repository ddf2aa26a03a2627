/** FRR (zebra and bgpd) as the other BGP speaker; also maximum prefixes (RFC 4486) and refresh (RFC 2918). */
import { seconds } from '../../base/units.ts';
import { eventually } from '../kit/eventually.ts';
import { NEIGHBOURS, testDaemon } from './bgp-daemon.ts';
import { OURS, THEIRS } from './bgp-lab.ts';
import { FRR_PROGRAMS, startFrr, vtysh } from './frr.ts';

const CONFIG = `
router bgp ${THEIRS.asn}
 bgp router-id ${THEIRS.ipv4}
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 neighbor ${OURS.ipv4} remote-as ${OURS.asn}
 neighbor ${OURS.ipv4} timers connect 2
 neighbor ${OURS.ipv6} remote-as ${OURS.asn}
 neighbor ${OURS.ipv6} timers connect 2
 address-family ipv4 unicast
  network 198.51.100.0/24 route-map tag
  neighbor ${OURS.ipv4} activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:2::/48 route-map tag
  neighbor ${OURS.ipv6} activate
 exit-address-family
route-map tag permit 10
 set community 65002:77
`;

testDaemon({
  name: 'FRR',
  package: 'frr',
  programs: FRR_PROGRAMS,
  start: (lab) => startFrr(lab, CONFIG),
  async routes(lab) {
    const detail = ['203.0.113.0/24', '2001:db8:1::/48'].map((prefix) =>
      vtysh(lab, `show bgp ${prefix.includes(':') ? 'ipv6' : 'ipv4'} unicast ${prefix}`),
    );
    const tables = await vtysh(lab, 'show bgp ipv4 unicast', 'show bgp ipv6 unicast');
    return `${tables}\n${(await Promise.all(detail)).filter((text) => !text.includes('not in table')).join('\n')}`;
  },
  refresh: (lab) => vtysh(lab, `clear bgp ${OURS.ipv4} soft in`),
  async more(t, lab) {
    const [four] = NEIGHBOURS;
    const { statistics: before } = await lab.neighbour(THEIRS.ipv6);
    await lab.call('setNeighbour', { ...four, prefixesMax: 2, prefixRestartSec: 1 });
    const extra = ['198.51.101.0/24', '198.51.102.0/24'].map((prefix) => `network ${prefix}`);
    const router = [
      'configure terminal',
      `router bgp ${THEIRS.asn}`,
      'address-family ipv4 unicast',
    ];
    await vtysh(lab, ...router, ...extra);
    await eventually('more prefixes than allowed end the session', async () => {
      const { failure } = await lab.neighbour(THEIRS.ipv4);
      return failure?.message.includes('Maximum Number of Prefixes') === true;
    });
    await vtysh(lab, ...router, ...extra.map((line) => `no ${line}`));
    await eventually(
      'it comes back when there are fewer',
      async () => (await lab.neighbour(THEIRS.ipv4)).state === 'Established',
      seconds(40),
    );
    const { statistics } = await lab.neighbour(THEIRS.ipv6);
    t.equal(
      statistics.openMessageStats.receivedCount,
      before.openMessageStats.receivedCount,
      'the other neighbour’s session stood all the while',
    );
  },
});
