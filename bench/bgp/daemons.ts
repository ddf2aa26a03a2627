/**
 * The contestants, each configured for the same job: all sessions passive and external, feeders are believed and told nothing, receivers are told
 * everything and believed nothing; nothing goes to a kernel. Called by main.ts.
 */
import { fileURLToPath } from 'node:url';
import { attempt } from '../../fabric/command.ts';
import { type Contestant, HOLD_TIME_SEC, type Scene, TARGET } from './contestant.ts';
import type { WeftSettings } from './weft-speaker.ts';

export const WEFT = 'Weft';
export const BIRD = 'BIRD 2';
export const FRR = 'FRR';
export const GOBGP = 'GoBGP';

export const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  weft: {
    name: WEFT,
    program: process.execPath,
    version: async () => {
      const { stdout, code } = await attempt(['git', 'describe', '--always', '--dirty']);
      return code === 0 ? `commit ${stdout.trim()}` : 'no commit';
    },
    files: (scene) => ({ 'settings.json': JSON.stringify(weftSettings(scene)) }),
    command: [
      process.execPath,
      fileURLToPath(new URL('weft-speaker.js', import.meta.url)),
      '@settings.json',
    ],
  },
  bird: {
    name: BIRD,
    program: '/usr/sbin/bird',
    version: () => versionOf(['/usr/sbin/bird', '--version']),
    files: (scene) => ({ 'bird.conf': birdConfig(scene) }),
    command: ['/usr/sbin/bird', '-f', '-c', '@bird.conf', '-s', '@bird.ctl'],
  },
  frr: {
    name: FRR,
    program: '/usr/lib/frr/bgpd',
    version: () => versionOf(['/usr/lib/frr/bgpd', '--version']),
    files: (scene) => ({ 'bgpd.conf': frrConfig(scene) }),
    command: [
      ...(['/usr/lib/frr/bgpd', '--no_kernel', '--no_zebra', '-f', '@bgpd.conf'] as const),
      ...['-i', '@bgpd.pid', '--vty_socket', '@', '--log', 'stdout'],
    ],
  },
  gobgp: {
    name: GOBGP,
    program: '/usr/bin/gobgpd',
    routesMax: 60_000,
    version: () => versionOf(['/usr/bin/gobgpd', '--version']),
    files: (scene) => ({ 'gobgpd.toml': gobgpConfig(scene) }),
    command: ['/usr/bin/gobgpd', '-f', '@gobgpd.toml', '--api-hosts', '127.0.0.1:50051'],
  },
};

async function versionOf(argv: readonly [string, ...string[]]): Promise<string> {
  const { stdout, stderr } = await attempt(argv);
  return `${stdout}${stderr}`.split('\n')[0]?.trim() ?? '';
}

function weftSettings({ sessions }: Scene): WeftSettings {
  return {
    speaker: {
      asn: TARGET.asn,
      routerId: TARGET.ipv4,
      listen: { addresses: [TARGET.ipv4, TARGET.ipv6] },
    },
    neighbours: sessions.map(({ address, asn, count }) => ({
      ...{ address, asn, isPassive: true, holdTimeSec: HOLD_TIME_SEC },
      families: [address.includes(':') ? 'ipv6-unicast' : 'ipv4-unicast'],
      ...(count > 0 ? { importPolicy: 'accept-all' } : { exportPolicy: 'accept-all' }),
    })),
  };
}

function birdConfig({ sessions }: Scene): string {
  const protocols = sessions.map(({ address, asn, count }, index) => {
    const isIpv6 = address.includes(':');
    const filters = count > 0 ? 'import all; export none;' : 'import none; export all;';
    return `protocol bgp p${index} {
  local ${isIpv6 ? TARGET.ipv6 : TARGET.ipv4} as ${TARGET.asn};
  neighbor ${address} as ${asn};
  hold time ${HOLD_TIME_SEC};
  passive;
  ${isIpv6 ? 'ipv6' : 'ipv4'} { ${filters} };
}`;
  });
  return `router id ${TARGET.ipv4};\nprotocol device {}\n${protocols.join('\n')}\n`;
}

function frrConfig({ sessions }: Scene): string {
  const neighbours = sessions.flatMap(({ address, asn }) => [
    ` neighbor ${address} remote-as ${asn}`,
    ` neighbor ${address} passive`,
    ` neighbor ${address} timers ${HOLD_TIME_SEC / 3} ${HOLD_TIME_SEC}`,
  ]);
  const families = [false, true].map((isIpv6) => {
    const of = sessions.filter(({ address }) => address.includes(':') === isIpv6);
    const lines = of.flatMap(({ address, count }) => [
      `  neighbor ${address} activate`,
      `  neighbor ${address} route-map nothing ${count > 0 ? 'out' : 'in'}`,
    ]);
    const name = isIpv6 ? 'ipv6' : 'ipv4';
    return [` address-family ${name} unicast`, ...lines, ' exit-address-family'].join('\n');
  });
  return `router bgp ${TARGET.asn}
 bgp router-id ${TARGET.ipv4}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
${neighbours.join('\n')}
${families.join('\n')}
route-map nothing deny 10
`;
}

function gobgpConfig({ sessions }: Scene): string {
  const neighbours = sessions.map(
    ({ address, asn }) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${asn}
  [neighbors.transport.config]
    passive-mode = true
  [neighbors.timers.config]
    hold-time = ${HOLD_TIME_SEC}
    keepalive-interval = ${HOLD_TIME_SEC / 3}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${address.includes(':') ? 'ipv6' : 'ipv4'}-unicast"`,
  );
  const feeders = sessions.filter(({ count }) => count > 0);
  const list = feeders
    .map(({ address }) => `"${address}/${address.includes(':') ? 128 : 32}"`)
    .join(', ');
  return `[global.config]
  as = ${TARGET.asn}
  router-id = "${TARGET.ipv4}"
  local-address-list = ["${TARGET.ipv4}", "${TARGET.ipv6}"]
[global.apply-policy.config]
  export-policy-list = ["feeders-are-told-nothing"]
  default-export-policy = "accept-route"
[[defined-sets.neighbor-sets]]
  neighbor-set-name = "feeders"
  neighbor-info-list = [${list}]
[[policy-definitions]]
  name = "feeders-are-told-nothing"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-neighbor-set]
      neighbor-set = "feeders"
      match-set-options = "any"
    [policy-definitions.statements.actions]
      route-disposition = "reject-route"
${neighbours.join('\n')}
`;
}
