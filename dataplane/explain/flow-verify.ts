/**
 * Flow verify: what the access control lists of a port say about a flow that does not exist yet. The flow's first packet is written as its
 * sender would write it, parsed as every frame is, and walked through the port's own layers up to access control by the walk that
 * forwards; then every list is asked, also where the first one denies. Whether the packet could be routed or delivered is another
 * question: trace. Called by answers.
 */
import { assert, defined } from '../../base/assert.ts';
import {
  equalIpWords,
  formatIpWords,
  type IpWords,
  isIpv4Words,
  parseIpWords,
} from '../../base/ip-words.ts';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { DROP_NAMES, Drop } from '../../packet/drop.ts';
import { newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { ListVerdict } from '../../schema/southbound/diagnostics/flow-verify.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import { DecisionLog } from '../engine/decision.ts';
import { Direction } from '../engine/direction.ts';
import type { Group } from '../engine/group.ts';
import { groupsFor } from '../engine/layer.ts';
import { loadPacket, newPacket, type Packet } from '../engine/packet.ts';
import { newResolution, Outcome, walk } from '../engine/pipeline.ts';
import { acl, judgedAddress } from '../layers/acl.ts';
import type { ConfiguredPort } from '../switch/network-state.ts';
import { invalid } from './asked-port.ts';
import { dropWords } from './drop-words.ts';
import { nameOf, type PlacedList, placedLists } from './placed-lists.ts';
import { frameOf, PROTOCOL_NAMES, type Sender } from './traced-frame.ts';

/** `sender` is what the VM behind the port would fill in. */
export function answerFlowVerify(
  port: ConfiguredPort,
  sender: Sender,
  question: Question<'flowVerify'>,
): Answer<'flowVerify'> {
  const { direction, protocol } = question;
  const ends = endsOf(port, question);
  const packet = firstPacket(port, sender, question, ends);
  const told = {
    direction,
    protocol: PROTOCOL_NAMES[protocol] ?? `${protocol}`,
    local: endOf(ends.local, question.localPort),
    remote: endOf(ends.remote, question.remotePort),
  };
  const before = decidedBefore(port, packet, direction);
  if (before !== undefined) {
    return { ...told, access: before.drop === undefined ? 'Allow' : 'Deny', lists: [], before };
  }
  const own = defined(judgedAddress(port.policy, direction, packet), 'an address of the port');
  const groups = accessControl(port, direction).groupsFor(packet);
  const placed = placedLists(port, own, direction);
  assert(groups.length === placed.length, 'a group of rules for each list');
  const verdicts = placed.map((list, at) => {
    const group = defined(groups[at], 'a group of rules');
    return verdictOf(group, packet, list, nameOf(port, list, direction));
  });
  const isDenied = verdicts.some(({ action }) => action === 'Deny');
  return { ...told, access: isDenied ? 'Deny' : 'Allow', lists: verdicts };
}

type Way = Question<'flowVerify'>['direction'];

const DIRECTIONS = { inbound: Direction.INBOUND, outbound: Direction.OUTBOUND } as const;

/** The port's layer of access control, and what packets pass before it. */
function accessControl({ pipeline: { layers } }: ConfiguredPort, direction: Way) {
  const at = layers.findIndex(({ name }) => name === acl.name);
  const layer = defined(layers[at], 'a layer of access control');
  return {
    before: direction === 'outbound' ? layers.slice(0, at) : layers.slice(at + 1),
    groupsFor: (packet: Packet) => groupsFor(layer, DIRECTIONS[direction], packet),
  };
}

/** What layers before access control make of the packet, if it does not get there. */
function decidedBefore(
  port: ConfiguredPort,
  packet: Packet,
  direction: Way,
): Answer<'flowVerify'>['before'] {
  const { index, cell } = port;
  const layers = accessControl(port, direction).before;
  const log = new DecisionLog();
  const resolution = newResolution();
  walk({ index, cell, pipeline: { layers } }, DIRECTIONS[direction], packet, log, resolution);
  if (resolution.outcome === Outcome.FORWARD) return undefined;
  const decision = defined(log.explain().at(-1), 'a decision');
  const { layer, rule, outcome } = decision;
  const { drop } = resolution;
  return {
    ...{ layer, rule, outcome },
    ...(resolution.outcome === Outcome.DROP && {
      drop: { reason: DROP_NAMES[drop] ?? '', ...dropWords(drop) },
    }),
  };
}

function verdictOf(
  group: Group,
  packet: Packet,
  { level, appliesTo }: PlacedList,
  name: Pick<ListVerdict, 'resourceRef' | 'pending'>,
): ListVerdict {
  const { id, resourceRef, priority, action } = group.find(packet);
  return {
    ...{ level, appliesTo, ...name },
    rule: { id, resourceRef, priority },
    action: action.kind === 'deny' ? 'Deny' : 'Allow',
  };
}

/** The flow's first packet, as the layers of the port get to see it. */
function firstPacket(
  port: ConfiguredPort,
  vm: Sender,
  question: Question<'flowVerify'>,
  { local, remote }: Ends,
): Packet {
  const { direction, protocol, localPort, remotePort } = question;
  const hasPorts = protocol === IpProtocol.TCP || protocol === IpProtocol.UDP;
  if (hasPorts && (localPort === undefined || remotePort === undefined)) {
    throw invalid('a flow of TCP or UDP has a port at both ends');
  }
  const isOutbound = direction === 'outbound';
  const [source, destination] = isOutbound ? [local, remote] : [remote, local];
  const [from, to] = isOutbound ? [localPort, remotePort] : [remotePort, localPort];
  const spec = {
    source: formatIpWords(source),
    destination: formatIpWords(destination),
    protocol,
    ...(from !== undefined && { sourcePort: from }),
    ...(to !== undefined && { destinationPort: to }),
  };
  const router = { mac: VIRTUAL_ROUTER_MAC, addresses: [], nextMac: () => port.policy.mac };
  const bytes = frameOf(spec, isOutbound ? vm : router);
  const frame = { view: new DataView(bytes.buffer), at: 0, end: bytes.length };
  const key = newFlowKey();
  const packet = newPacket();
  const parsed = parseFlow(frame.view, frame.at, frame.end, key);
  const drop = parsed === Drop.None ? loadPacket(packet, frame, key) : parsed;
  if (drop !== Drop.None) throw invalid(`there is no such flow: ${dropWords(drop).meaning}`);
  return packet;
}

interface Ends {
  readonly local: IpWords;
  readonly remote: IpWords;
}

function endsOf({ policy }: ConfiguredPort, question: Question<'flowVerify'>): Ends {
  const remote = addressOf(question.remote);
  const isV4 = isIpv4Words(remote);
  const own = policy.addresses.map(({ address }) => address);
  const local =
    question.local === undefined
      ? own.find((address) => isIpv4Words(address) === isV4)
      : addressOf(question.local);
  if (local === undefined) throw invalid(`the interface has no IPv${isV4 ? 4 : 6} address`);
  const mayBeOthers = policy.ipForwarding || policy.learning !== undefined;
  if (!mayBeOthers && !own.some((address) => equalIpWords(address, local))) {
    throw invalid(`'${question.local}' is not one of the interface’s addresses`);
  }
  return { local, remote };
}

function addressOf(text: string): IpWords {
  const words = parseIpWords(text);
  if (words !== undefined) return words;
  throw invalid(`'${text}' is no address`);
}

function endOf(address: IpWords, port: number | undefined) {
  return { address: formatIpWords(address), ...(port !== undefined && { port }) };
}
