/**
 * Raw bytes at a port of the switch, and in a few words what becomes of them: what the corpus of frames is sorted by. A blue VM's port and a
 * tunnel into its subnet, in a switch that also has a red tenant with the same addresses.
 */
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import { Drop } from '../../../../packet/drop.ts';
import { Fragment, newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import type { CorpusName } from '../../../fixtures/corpus.ts';
import { SAMPLES, viewOf } from '../../packet/frames.ts';
import {
  addressed,
  BLUE,
  between,
  echoFrame,
  LOCAL,
  macOf,
  octets,
  PEER_ADDRESS,
  ROUTER_MAC,
  type TenantRig,
  tcpFrame,
  tenantRig,
  tunnelled,
  udpFrame,
} from './tenants.ts';

export const VM = '10.0.0.4';
const PORTS = { src: 4000, dst: 5000 };

/** Valid input, as starting points. */
export function seedsOf(entrance: CorpusName): Uint8Array[] {
  if (entrance === 'uplink') {
    const from = between(BLUE, '10.0.0.6', VM);
    const frames = [udpFrame(from, PORTS), tcpFrame(from, {}), echoFrame(from)];
    return [...frames, ...Object.values(SAMPLES)].map((frame) => tunnelled(BLUE.webVni, frame));
  }
  const own = Object.values(SAMPLES).map((frame) =>
    addressed(frame.slice(), { srcMac: macOf(BLUE, VM), dstMac: ROUTER_MAC }),
  );
  return [
    ...own,
    udpFrame(between(BLUE, VM, '10.0.0.5'), PORTS),
    udpFrame({ ...between(BLUE, VM, '10.0.1.6'), ttl: 1 }, PORTS),
    tcpFrame(between(BLUE, VM, '10.0.1.4'), {}),
    echoFrame(between(BLUE, VM, '10.0.0.6')),
    echoFrame({ ...between(BLUE, VM, '10.0.0.1'), dstMac: ROUTER_MAC }),
  ];
}

/** A switch that has seen nothing yet, with little room. */
export function smallRig(): TenantRig {
  return tenantRig({ flowsMax: 64, flowsPerPortMax: 32 });
}

/** Plays the bytes once. */
export function play(net: TenantRig, entrance: CorpusName, bytes: Uint8Array): SentFrame[] {
  return entrance === 'tap'
    ? net.pass(net.device(BLUE, VM), [bytes])
    : net.pass(net.uplink, [bytes], { source: octets(PEER_ADDRESS) });
}

/** Frames that left the switch where nothing of the blue tenant may go. */
export function strays(net: TenantRig, sent: readonly SentFrame[]): SentFrame[] {
  const own = new Set(LOCAL.map((text) => net.device(BLUE, text)));
  const vnis = [BLUE.webVni, BLUE.dbVni];
  return sent.filter(({ port, uplink }) =>
    uplink === undefined ? !own.has(port) : !vnis.includes(uplink.vni),
  );
}

/** What becomes of the bytes: the kind of packet, and its end. */
export function outcomeOf(
  net: TenantRig,
  entrance: CorpusName,
  bytes: Uint8Array,
): { readonly reason: string; readonly sent: readonly SentFrame[] } {
  const before = net.drops();
  const sent = play(net, entrance, bytes);
  const drops = Object.entries(net.drops()).flatMap(([name, count]) =>
    count === before[name] ? [] : [name],
  );
  const sender = entrance === 'tap' ? net.device(BLUE, VM) : net.uplink;
  const ways = sent.map(({ port }) =>
    port === sender ? 'answered' : port === net.uplink ? 'tunnelled' : 'delivered',
  );
  const ends = [...drops.map((drop) => `dropped as ${drop}`), ...ways];
  return { reason: `${kindOf(entrance, bytes)}: ${ends.join(', ') || 'taken note of'}`, sent };
}

function kindOf(entrance: CorpusName, bytes: Uint8Array): string {
  const frame = entrance === 'tap' ? bytes : bytes.slice(8);
  const key = newFlowKey();
  if (parseFlow(viewOf(frame), 0, frame.length, key) !== Drop.None) return 'malformed';
  const family = FAMILIES[key.etherType] ?? 'other EtherType';
  const protocol = key.etherType === 0x0806 ? '' : ` ${PROTOCOLS[key.protocol] ?? 'other'}`;
  const part = key.fragment === Fragment.NONE ? '' : `, ${PARTS[key.fragment] ?? ''} fragment`;
  return `${family}${family === 'other EtherType' ? '' : protocol}${part}`;
}

const FAMILIES: Readonly<Record<number, string>> = { 2048: 'IPv4', 34525: 'IPv6', 2054: 'ARP' };
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
};
const PARTS: Readonly<Record<number, string>> = {
  [Fragment.FIRST]: 'first',
  [Fragment.LATER]: 'later',
};
