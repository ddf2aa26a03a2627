/** ExaBGP as the other BGP speaker, with extended messages (RFC 8654), ADD-PATH (RFC 7911) and graceful restart (RFC 4724): it keeps no table, so what it was told is replayed from its own JSON. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testDaemon } from './bgp-daemon.ts';
import { type BgpLab, OURS, THEIRS } from './bgp-lab.ts';

function config(directory: string): string {
  const neighbour = (ours: string, theirs: string, family: string, route: string): string => `
neighbor ${ours} {
  router-id ${THEIRS.ipv4};
  local-address ${theirs};
  local-as ${THEIRS.asn};
  peer-as ${OURS.asn};
  family { ${family} unicast; }
  capability { asn4 enable; route-refresh enable; graceful-restart 3; extended-message enable; add-path send/receive; }
  api { processes [ told ]; receive { parsed; update; } }
  static { route ${route} next-hop ${theirs} community [ 65002:77 ]; }
}`;
  return `
process told { run ${join(directory, 'told.sh')}; encoder json; }
${neighbour(OURS.ipv4, THEIRS.ipv4, 'ipv4', '198.51.100.0/24')}
${neighbour(OURS.ipv6, THEIRS.ipv6, 'ipv6', '2001:db8:2::/48')}
`;
}

interface Told {
  readonly neighbor?: {
    readonly message?: {
      readonly update?: {
        readonly attribute?: { readonly community?: readonly (readonly number[])[] };
        readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly Nlri[]>>>>;
        readonly withdraw?: Readonly<Record<string, readonly Nlri[]>>;
      };
    };
  };
}

interface Nlri {
  readonly nlri: string;
}

/** Prefix → communities, after everything that was told. */
async function table(lab: BgpLab): Promise<string> {
  const known = new Map<string, string>();
  const text = await readFile(join(lab.directory, 'told.json'), 'utf8');
  for (const line of text
    .split('\n')
    .filter((each) => each.startsWith('{') && each.endsWith('}'))) {
    const update = (JSON.parse(line) as Told).neighbor?.message?.update;
    const communities = (update?.attribute?.community ?? [])
      .map((pair) => pair.join(':'))
      .join(' ');
    for (const list of Object.values(update?.withdraw ?? {}))
      for (const { nlri } of list) known.delete(nlri);
    for (const byNextHop of Object.values(update?.announce ?? {}))
      for (const list of Object.values(byNextHop))
        for (const { nlri } of list) known.set(nlri, `AS65001 ${communities}`);
  }
  return [...known].map((entry) => entry.join(' ')).join('\n');
}

testDaemon({
  name: 'ExaBGP',
  package: 'exabgp',
  programs: ['/usr/sbin/exabgp'],
  async start(lab) {
    const told = join(lab.directory, 'told.json');
    await lab.write('told.json', '', 0o666);
    await lab.write('told.sh', `#!/bin/sh\ncat >>${told}\n`, 0o755);
    const path = await lab.write('exabgp.conf', config(lab.directory));
    const settings = ['exabgp.daemon.user=root', 'exabgp.api.cli=false', 'exabgp.log.level=INFO'];
    return [await lab.start(['/usr/bin/env', ...settings, '/usr/sbin/exabgp', path])];
  },
  routes: table,
  neighbour: { gracefulRestartSec: 60, addPathReceive: true, addPathSend: 2 },
});
