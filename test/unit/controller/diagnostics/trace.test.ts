/** A trace that begins outside: who is asked what, in which order, and what the answers make together. */
import test from 'ava';
import type { Explained } from '../../../../controller/diagnostics/hosts.ts';
import { traceFromOutside, traceReply } from '../../../../controller/diagnostics/trace.ts';
import { outsideLink } from '../../../../controller/diagnostics/trace-routers.ts';
import type { Resource } from '../../../../controller/model/desired-state.ts';

const EDGE = resource('edge', '/edgeRouters/edge', {
  outsideInterfaces: [
    { name: 'outside0', addresses: ['192.0.2.2/24', '2001:db8:ffff::2/64'] },
    { name: 'outside1', addresses: ['192.0.3.2/24'] },
  ],
});
const HOST = {
  ...resource('host1', '/servers/host1', {}),
  body: { internal: { providerAddress: '198.51.100.10' } },
};
const PACKET = {
  ...{ source: '192.0.2.1', destination: '203.0.113.1', protocol: 6 },
  ...{ sourcePort: 50_000, destinationPort: 80 },
};
const TUNNEL = {
  ...{ from: '198.51.100.2', to: '198.51.100.10', vni: 5001 },
  ...{ sourceMac: '00:1d:d8:00:00:01', destinationMac: '00:1d:d8:00:00:02' },
};

function resource(resourceId: string, ref: string, properties: object): Resource {
  const none = { children: [], references: [], parent: undefined, treeKey: '', body: {} };
  const named = { ref, key: ref.toLowerCase(), type: '', instanceId: resourceId, resourceId };
  return { ...named, ...none, properties: properties as Resource['properties'] };
}

function world(edgeAnswer: object, asked: unknown[]): Explained {
  return {
    desired: { list: () => new Map([['/servers/host1', HOST]]) },
    askEdge: async (edge: string, method: string, question: object) => {
      asked.push([edge, method, question]);
      return edgeAnswer;
    },
    ask: async (host: string, method: string, question: object) => {
      asked.push([host, method, question]);
      return {
        packet: {},
        steps: [],
        verdict: { kind: 'deliver', portId: 'p', resourceRef: '/n' },
      };
    },
  } as unknown as Explained;
}

test('what an edge sends into a tunnel, the host at its far end is asked about', async (t) => {
  const asked: unknown[] = [];
  const leaves = { ...PACKET, destination: '10.1.1.4', link: 'overlay', tunnel: TUNNEL };
  const context = world({ steps: [], verdict: 'forwarded', leaves }, asked);
  const trace = await traceFromOutside(context, EDGE, PACKET);
  t.is(trace.verdict.kind, 'deliver');
  t.like(trace.routers, [{ resourceRef: '/edgeRouters/edge', afterHops: 0 }]);
  const { sourceMac, destinationMac } = TUNNEL;
  t.deepEqual(asked, [
    ['edge', 'edgeTrace', { link: 'outside0', ...PACKET }],
    [
      'host1',
      'trace',
      {
        tunnel: { source: '198.51.100.2', vni: 5001 },
        packet: { ...PACKET, destination: '10.1.1.4', sourceMac, destinationMac },
      },
    ],
  ]);
});

test('what an edge refuses ends there, and says by whom', async (t) => {
  const context = world({ steps: [], verdict: 'NoRoute' }, []);
  const { verdict, hops } = await traceFromOutside(context, EDGE, PACKET);
  t.deepEqual(verdict, { kind: 'refused', reason: 'NoRoute', by: '/edgeRouters/edge' });
  t.deepEqual(hops, []);
});

test('a host that nobody knows is said to be unknown', async (t) => {
  const tunnel = { ...TUNNEL, to: '198.51.100.99' };
  const leaves = { ...PACKET, link: 'overlay', tunnel };
  const { verdict } = await traceFromOutside(
    world({ steps: [], verdict: 'forwarded', leaves }, []),
    EDGE,
    PACKET,
  );
  t.is(verdict.kind, 'unknown');
});

test('the answer to what a mux has brought: by the backend’s host straight to an edge, judged as the answer to what came', async (t) => {
  const mux = resource('mux', '/loadBalancerMuxes/mux1', { providerAddress: '198.51.100.3' });
  const asked: unknown[] = [];
  const came = { ...PACKET, destination: '203.0.113.9' };
  const atBackend = { ...came, destination: '10.1.1.4', destinationPort: 8080 };
  const answer = {
    ...{ source: '10.1.1.4', sourcePort: 8080 },
    ...{ destination: PACKET.source, destinationPort: PACKET.sourcePort },
  };
  const left = { ...answer, source: came.destination, sourcePort: came.destinationPort };
  const edgeSays = [
    { ...came, link: 'uplink0', nextHop: '198.51.100.3' },
    { ...left, link: 'outside0' },
  ];
  const hostSays = [
    {
      ...{ packet: came, leaves: atBackend },
      verdict: { kind: 'deliver', portId: 'web1', resourceRef: '/networkInterfaces/web1' },
    },
    {
      ...{ packet: answer, leaves: left, frame: 'AA==' },
      verdict: { kind: 'tunnel', from: 'f', to: 't', vni: 5001, edge: EDGE.ref },
    },
  ];
  const context = {
    desired: {
      list: (type: string) => new Map(type === 'servers' ? [[HOST.ref, HOST]] : [[mux.ref, mux]]),
      byRef: () => EDGE,
    },
    askEdge: async () => ({ steps: [], verdict: 'forwarded', leaves: edgeSays.shift() }),
    askMux: async () => ({
      ...{ verdict: 'forwarded', via: 'current table', row: 1, backend: '10.1.1.4' },
      ...{ host: '198.51.100.10', vni: 5001, mac: '00:1d:d8:00:00:02' },
    }),
    ask: async (_host: string, _method: string, question: object) => {
      asked.push(question);
      return { steps: [], ...hostSays.shift() };
    },
  } as unknown as Explained;
  const trace = await traceFromOutside(context, EDGE, came);
  const reply = await traceReply(context, trace, came);
  const ends = ({ protocol: _, ...rest }: typeof came) => rest;
  t.deepEqual(asked[1], {
    portId: 'web1',
    packet: { ...answer, protocol: 6, tcpFlags: 0x12 },
    answers: { came: ends(came) },
  });
  t.like(reply?.verdict, { kind: 'outside', link: 'outside0', by: EDGE.ref });
  t.deepEqual(
    reply?.routers.map(({ resourceRef }) => resourceRef),
    [EDGE.ref],
  );
});

test('where a shared address has not chosen a port yet, no answer is foretold', async (t) => {
  const { sourcePort: _, ...leaves } = { ...PACKET, source: '203.0.113.240', link: 'outside0' };
  const context = world({ steps: [], verdict: 'forwarded', leaves }, []);
  const trace = await traceFromOutside(context, EDGE, PACKET);
  t.is(trace.verdict.kind, 'outside');
  t.is(await traceReply(context, trace, PACKET), undefined);
});

test('it comes by the interface whose prefix its source has, else by the first', (t) => {
  t.is(outsideLink(EDGE, '192.0.3.9'), 'outside1');
  t.is(outsideLink(EDGE, '2001:db8:ffff::9'), 'outside0');
  t.is(outsideLink(EDGE, '8.8.8.8'), 'outside0');
  t.is(outsideLink(resource('bare', '/edgeRouters/bare', {}), '8.8.8.8'), undefined);
});
