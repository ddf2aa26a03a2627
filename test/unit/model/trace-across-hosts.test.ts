/** A trace that is followed through two switches says what becomes of the packet that is then sent through both. */
import test from 'ava';
import fc from 'fast-check';
import { parseMac } from '../../../base/mac.ts';
import { frameOf, viewOf } from '../../../dataplane/explain/traced-frame.ts';
import { Drop } from '../../../packet/drop.ts';
import { newFlowKey, parseFlow } from '../../../packet/flow-key.ts';
import type {
  PacketSpec,
  PacketView,
  TraceAnswer,
} from '../../../schema/southbound/diagnostics/trace.ts';
import type { Resource, RouteTable } from '../../../schema/southbound/messages.ts';
import { accessControlList, routeTable } from '../../model/policy-plans.ts';
import { asAppliance, withList, withRoutes } from '../dataplane/switch/policies.ts';
import {
  BLUE,
  LOCAL,
  octets,
  portId,
  portResource,
  REMOTE,
  subnetResource,
} from '../dataplane/switch/tenants.ts';
import { type Arrival, type TwoHosts, twoHosts } from '../dataplane/switch/two-hosts.ts';

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 200);

const VMS = [...LOCAL, ...REMOTE];
const LISTS = ['first', 'second'] as const;
const VM = fc.constantFrom(...VMS);
const LIST = fc.constantFrom('', '', ...LISTS);

interface Sent {
  readonly op: 'send';
  readonly from: string;
  readonly packet: PacketSpec;
}

type Command =
  | Sent
  /** Whoever has received this packet answers it. */
  | { readonly op: 'reply'; readonly to: number; readonly tcpFlags: number }
  | { readonly op: 'policy'; readonly resources: readonly Resource[] };

const SEND: fc.Arbitrary<Command> = fc
  .record({
    from: VM,
    destination: fc.oneof(
      { weight: 8, arbitrary: VM },
      {
        weight: 1,
        arbitrary: fc.constantFrom('10.0.0.1', '10.0.0.99', '10.2.0.4', '203.0.113.5'),
      },
    ),
    protocol: fc.constantFrom(1, 6, 17),
    ttl: fc.constantFrom(64, 64, 64, 2, 1),
    length: fc.constantFrom(0, 0, 600, 1450, 1451, 3000),
    port: fc.constantFrom(80, 81, 1000),
    tcpFlags: fc.constantFrom(0x02, 0x02, 0x10, 0x04),
  })
  .map(({ from, port, protocol, length, ...rest }) => ({
    op: 'send' as const,
    from,
    packet: {
      ...rest,
      protocol,
      // Told from the fields, so that a flow's further packets are of one flow.
      ...(protocol === 1 ? { identifier: port } : { sourcePort: 1000, destinationPort: port }),
      ...(length > 0 && { length }),
    },
  }));

const POLICY: fc.Arbitrary<Command> = fc
  .record({
    lists: fc.tuple(accessControlList(LISTS[0]), accessControlList(LISTS[1])),
    ports: fc.array(fc.record({ vm: VM, list: LIST, forwards: fc.boolean() }), { maxLength: 4 }),
    subnets: fc.array(
      fc.record({
        name: fc.constantFrom('web' as const, 'db' as const),
        list: LIST,
        isRouted: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    table: routeTable('table'),
  })
  .map(({ lists, ports, subnets, table }) => ({
    op: 'policy' as const,
    resources: [
      ...lists.map((list) => ({
        key: `acl/${list.id}`,
        version: 1,
        accessControlList: { ...list, rules: list.rules.filter(hasNoTags) },
      })),
      { key: 'routetable/table', version: 1, routeTable: ipv4Only(table) },
      ...subnets.map(({ name, list, isRouted }) => {
        const bare = subnetResource(BLUE, name);
        return withList(isRouted ? withRoutes(bare, 'table') : bare, list);
      }),
      ...ports.map(({ vm, list, forwards }) => {
        const bare = portResource(BLUE, vm);
        return withList(forwards ? asAppliance(bare) : bare, list);
      }),
    ],
  }));

/** The appliances have IPv4 addresses only. */
function ipv4Only(table: RouteTable): RouteTable {
  return { ...table, routes: table.routes.filter(({ prefix }) => prefix.address.length === 4) };
}

/** Security tags are of their own resources, which this network has none of. */
function hasNoTags(rule: {
  readonly source?: { readonly securityTagIds: readonly string[] };
  readonly destination?: { readonly securityTagIds: readonly string[] };
}): boolean {
  return [rule.source, rule.destination].every(
    (match) => (match?.securityTagIds.length ?? 0) === 0,
  );
}

const COMMANDS = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: SEND },
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant('reply' as const),
        to: fc.nat(30),
        tcpFlags: fc.constantFrom(0x12, 0x10, 0x11, 0x04),
      }),
    },
    { weight: 2, arbitrary: POLICY },
  ),
  { minLength: 1, maxLength: 25, size: 'max' },
);

interface Followed {
  /** Of each host on the way. */
  readonly hops: readonly (TraceAnswer & { readonly host: string })[];
  readonly last: TraceAnswer & { readonly host: string };
}

/** As controller/diagnostics does it. */
function follow(net: TwoHosts, from: string, packet: PacketSpec): Followed {
  let host = net.hostOf(from);
  const { core } = host.rig;
  let last = { host: host.name, ...core.answer('trace', { portId: portId(BLUE, from), packet }) };
  const hops = [last];
  while (last.verdict.kind === 'tunnel') {
    const { from: source, to, vni } = last.verdict;
    const next = net.hosts.find(({ address }) => address === to);
    if (next === undefined || last.frame === undefined) throw new Error(`nobody is at ${to}`);
    host = next;
    const question = { tunnel: { source, vni }, frame: last.frame };
    last = { host: host.name, ...host.rig.core.answer('trace', question) };
    hops.push(last);
  }
  return { hops, last };
}

/** Traces a packet, sends it, and throws where the two differ. Returns what became of it, and what has arrived. */
function compare(net: TwoHosts, from: string, packet: PacketSpec): [string, Arrival[]] {
  const { hops, last } = follow(net, from, packet);
  const view = hops[0]?.packet;
  const frame = frameOf(packet, {
    mac: parseMac(view?.sourceMac ?? '') ?? 0,
    addresses: [[0, 0, 0xffff, Buffer.from(octets(from)).readUInt32BE()]],
    nextMac: () => parseMac(view?.destinationMac ?? '') ?? 0,
  });
  const before = net.drops();
  const arrivals = net.send(from, frame);
  const dropped = newDrops(before, net.drops());
  const { verdict } = last;
  const story = `${from} sends ${JSON.stringify(packet)}: ${JSON.stringify(hops)}`;
  const disagree = (real: string) => new Error(`${story}\nbut ${real}`);
  if (verdict.kind === 'drop') {
    const expected = [`${last.host} ${verdict.reason}`];
    if (JSON.stringify(dropped) !== JSON.stringify(expected)) {
      throw disagree(`dropped: ${JSON.stringify(dropped)}`);
    }
    // At most the sender is told.
    const others = arrivals.filter(({ portId: at }) => at !== portId(BLUE, from));
    if (others.length > 0) throw disagree(`${others.length} frames arrived`);
    return [verdict.reason, []];
  }
  if (dropped.length > 0) throw disagree(`dropped: ${JSON.stringify(dropped)}`);
  if (verdict.kind === 'answer') return ['answer', []];
  const [arrival, ...more] = arrivals;
  if (verdict.kind !== 'deliver' || arrival === undefined || more.length > 0) {
    throw disagree(`${arrivals.length} frames arrived`);
  }
  if (arrival.host !== last.host || arrival.portId !== verdict.portId) {
    throw disagree(`it arrived at ${arrival.portId} of ${arrival.host}`);
  }
  const real = headersOf(arrival.bytes);
  if (JSON.stringify(real) !== JSON.stringify(last.leaves)) {
    throw disagree(`it arrived as ${JSON.stringify(real)}`);
  }
  return [hops.length > 1 ? 'delivered there' : 'delivered here', arrivals];
}

function headersOf(bytes: Uint8Array): PacketView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const key = newFlowKey();
  const drop = parseFlow(view, 0, bytes.length, key);
  if (drop !== Drop.None) throw new Error(`a frame arrives that does not parse: ${drop}`);
  return viewOf(view, 0, key);
}

/** One entry for each packet dropped since. */
function newDrops(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(after).flatMap(([what, count]) =>
    new Array<string>(count - (before[what] ?? 0)).fill(what),
  );
}

/** What the receiver of this frame would answer; undefined: nothing. */
function replyOf(arrival: Arrival, tcpFlags: number): PacketSpec | undefined {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType } = headersOf(
    arrival.bytes,
  );
  const back = { source: destination, destination: source };
  if (protocol === 'icmp') {
    const bytes = Buffer.from(arrival.bytes);
    const identifier = bytes.readUInt16BE(14 + 20 + 4);
    return icmpType === 8 ? { ...back, protocol: 1, icmpType: 0, identifier } : undefined;
  }
  const number = protocol === 'tcp' ? 6 : 17;
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  return {
    ...back,
    protocol: number,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
    ...(number === 6 && { tcpFlags }),
  };
}

test('generated policies, packets and answers: trace and packet agree over the wire', (t) => {
  const tally = new Map<string, number>();
  const note = (became: string) => tally.set(became, (tally.get(became) ?? 0) + 1);
  fc.assert(
    fc.property(COMMANDS, (commands) => {
      const net = twoHosts();
      const arrived: Arrival[] = [];
      for (const command of commands) {
        if (command.op === 'policy') {
          net.apply(command.resources);
          continue;
        }
        if (command.op === 'send') {
          const [became, arrivals] = compare(net, command.from, command.packet);
          arrived.push(...arrivals);
          note(became);
          continue;
        }
        const to = arrived.length > 0 ? arrived[command.to % arrived.length] : undefined;
        const reply = to && replyOf(to, command.tcpFlags);
        if (to === undefined || reply === undefined) continue;
        const [became] = compare(net, to.portId.slice('blue-'.length), reply);
        note(`answer: ${became}`);
      }
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
  t.log([...tally].map(([became, count]) => `${became} ${count}`).join(', '));
  // What the generators no longer reach is no longer tested.
  t.deepEqual(
    REACHED.filter((became) => !tally.has(became)),
    [],
  );
});

const REACHED: readonly string[] = [
  'delivered here',
  'delivered there',
  'AclDenied',
  'NoMapping',
  'TtlExpired',
  'FrameTooBig',
  'answer: delivered here',
  'answer: delivered there',
  'answer: AclDenied',
];
