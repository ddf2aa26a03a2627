/**
 * Communities of all three kinds (RFC 1997, RFC 4360, RFC 8092), from each of four speakers to this one and through it to the others: ExaBGP, GoBGP,
 * BIRD 2 and OpenBGPD in one namespace, each in an AS of its own with one route.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import type { Route } from '../../bgp/speaker/contract.ts';
import { run } from '../../fabric/command.ts';
import { eventually } from '../kit/eventually.ts';
import { type BgpLab, missing, OURS, startBgpLab } from './bgp-lab.ts';

interface Other {
  readonly name: string;
  readonly address: string;
  readonly asn: number;
  readonly prefix: string;
  readonly programs: readonly string[];
  start(lab: BgpLab, self: Other): Promise<unknown>;
  /** What it has been told, as text; undefined: it keeps no table. */
  told?(lab: BgpLab, prefix: string): Promise<string>;
}

const PATIENCE = seconds(40);
/** Values of the three kinds, each beside the speaker's own AS. */
const [PLAIN, TARGET, LARGE] = [77, 7, [1, 2]] as const;

const EXABGP: Other = {
  ...{ name: 'ExaBGP', address: '192.0.2.2', asn: 65_002, prefix: '198.51.100.0/24' },
  programs: ['/usr/sbin/exabgp'],
  async start(lab, { address, asn, prefix }) {
    const path = await lab.write(
      'exabgp.conf',
      `neighbor ${OURS.ipv4} {
  router-id ${address};
  local-address ${address};
  local-as ${asn};
  peer-as ${OURS.asn};
  family { ipv4 unicast; }
  static {
    route ${prefix} next-hop ${address} community [ ${asn}:${PLAIN} ] extended-community [ target:${asn}:${TARGET} ] large-community [ ${asn}:${LARGE.join(':')} ];
  }
}
`,
    );
    const settings = ['exabgp.daemon.user=root', 'exabgp.api.cli=false'];
    return lab.start(['/usr/bin/env', ...settings, '/usr/sbin/exabgp', path]);
  },
};

const BIRD: Other = {
  ...{ name: 'BIRD 2', address: '192.0.2.13', asn: 65_013, prefix: '198.51.101.0/24' },
  programs: ['/usr/sbin/bird', '/usr/sbin/birdc'],
  async start(lab, { address, asn, prefix }) {
    const path = await lab.write(
      'bird.conf',
      `router id ${address};
protocol device {}
protocol static { ipv4; route ${prefix} blackhole; }
filter mark {
  if source != RTS_STATIC then reject;
  bgp_community.add((${asn}, ${PLAIN}));
  bgp_ext_community.add((rt, ${asn}, ${TARGET}));
  bgp_large_community.add((${asn}, ${LARGE.join(', ')}));
  accept;
}
protocol bgp ours {
  local ${address} as ${asn};
  neighbor ${OURS.ipv4} as ${OURS.asn};
  strict bind on;
  connect retry time 2;
  ipv4 { import all; export filter mark; };
}
`,
    );
    return lab.start(['/usr/sbin/bird', '-f', '-c', path, '-s', join(lab.directory, 'bird.ctl')]);
  },
  told: (lab, prefix) => {
    const socket = join(lab.directory, 'bird.ctl');
    return lab.ask(['/usr/sbin/birdc', '-s', socket, 'show', 'route', 'all', prefix]);
  },
};

const OPENBGPD: Other = {
  ...{ name: 'OpenBGPD', address: '192.0.2.14', asn: 65_014, prefix: '198.51.102.0/24' },
  programs: ['/usr/sbin/bgpd', '/usr/sbin/bgpctl'],
  async start(lab, { address, asn, prefix }) {
    await mkdir('/run/openbgpd', { recursive: true });
    const marks = `community ${asn}:${PLAIN} ext-community rt ${asn}:${TARGET} large-community ${asn}:${LARGE.join(':')}`;
    const path = await lab.write(
      'bgpd.conf',
      `AS ${asn}
router-id ${address}
listen on ${address}
fib-update no
socket "${join(lab.directory, 'bgpd.sock')}"
network ${prefix} set { ${marks} }
neighbor ${OURS.ipv4} {
  remote-as ${OURS.asn}
  local-address ${address}
}
allow from any
allow to any
`,
      0o600,
    );
    return lab.start(['/usr/sbin/bgpd', '-d', '-f', path]);
  },
  told: (lab, prefix) => {
    const socket = join(lab.directory, 'bgpd.sock');
    return lab.ask(['/usr/sbin/bgpctl', '-s', socket, 'show', 'rib', 'detail', prefix]);
  },
};

const GOBGP: Other = {
  ...{ name: 'GoBGP', address: '192.0.2.12', asn: 65_012, prefix: '198.51.103.0/24' },
  programs: ['/usr/bin/gobgpd', '/usr/bin/gobgp'],
  async start(lab, { address, asn, prefix }) {
    const path = await lab.write(
      'gobgpd.toml',
      `[global.config]
  as = ${asn}
  router-id = "${address}"
  local-address-list = ["${address}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${OURS.ipv4}"
    peer-as = ${OURS.asn}
  [neighbors.transport.config]
    local-address = "${address}"
  [neighbors.timers.config]
    connect-retry = 2
`,
    );
    const options = ['-f', path, '--api-hosts', '127.0.0.1:50051', '-p'];
    await lab.start(['/usr/bin/gobgpd', ...options], /Peer|neighbor/i);
    const marks = ['community', `${asn}:${PLAIN}`, 'rt', `${asn}:${TARGET}`];
    const large = ['large-community', `${asn}:${LARGE.join(':')}`];
    const route = ['add', prefix, 'nexthop', address, ...marks, ...large];
    await lab.ask(['/usr/bin/gobgp', 'global', 'rib', ...route, '-a', 'ipv4']);
  },
  told: (lab, prefix) => lab.ask(['/usr/bin/gobgp', 'global', 'rib', prefix, '-a', 'ipv4']),
};

const OTHERS: readonly Other[] = [EXABGP, GOBGP, BIRD, OPENBGPD];

test('communities of three kinds come from everybody, and go to everybody', async (t) => {
  const absent = await missing(OTHERS.flatMap(({ programs }) => programs));
  if (absent !== undefined) {
    t.pass(`${absent} exists`, { skip: `${absent} is not installed` });
    return;
  }
  const lab = await startBgpLab();
  t.teardown(() => lab.stop());
  for (const other of OTHERS) {
    const { address, asn } = other;
    if (other !== EXABGP) {
      await run(['ip', '-n', lab.theirNamespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    }
    const policies = { importPolicy: 'accept-all', exportPolicy: 'accept-all' };
    await lab.call('setNeighbour', { address, asn, holdTimeSec: 30, ...policies });
    await other.start(lab, other);
  }
  for (const { name, asn, prefix } of OTHERS) {
    const route = await eventually(
      `the route of ${name} is here`,
      async () => (await lab.routes()).find((each) => each.prefix === prefix),
      PATIENCE,
    );
    t.same(kindsOf(route), kinds(asn), `${name} marks its route`);
  }
  for (const { name, address, told } of OTHERS) {
    if (told === undefined) continue;
    for (const from of OTHERS) {
      if (from.address === address) continue;
      const text = await eventually(
        `${name} has the route of ${from.name}`,
        async () => {
          const answer = await told(lab, from.prefix);
          return answer.includes(String(OURS.asn)) && answer;
        },
        PATIENCE,
      );
      t.match(text, new RegExp(`${from.asn}[:,] ?${PLAIN}\\b`), `${name}, ${from.name}: plain`);
      const target = new RegExp(
        `(rt|target)[,: ]+${from.asn}[:,] ?${TARGET}\\b|${from.asn}:${TARGET}\\b`,
        'i',
      );
      t.match(text, target, `${name}, ${from.name}: extended`);
      const large = new RegExp(`${from.asn}[:,] ?${LARGE[0]}[:,] ?${LARGE[1]}\\b`);
      t.match(text, large, `${name}, ${from.name}: large`);
    }
  }
});

function kinds(asn: number) {
  return {
    plain: [asn * 0x1_0000 + PLAIN],
    // Two-octet AS specific, route target (RFC 4360 §3.1, §4).
    extended: [[0, 2, asn >> 8, asn & 0xff, 0, 0, 0, TARGET]],
    large: [[asn, ...LARGE]],
  };
}

/** Bytes come as JSON through a pipe: an object with indexes. */
function kindsOf({ attributes }: Route) {
  const { communities, extendedCommunities = [], largeCommunities } = attributes;
  const extended = extendedCommunities.map((each) => Object.values(each));
  return { plain: communities, extended, large: largeCommunities };
}
