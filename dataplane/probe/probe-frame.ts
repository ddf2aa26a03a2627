/**
 * Frames of a probe (schema/southbound/diagnostics/probe), as the VM's own kernel would have written them: an echo request with a payload
 * that names the probe, or a TCP SYN, and the reset that ends what the SYN has begun. RFC 792, RFC 4443 §4.1, RFC 9293 §3.5.2. Called by
 * probes.
 */
import { assert } from '../../base/assert.ts';
import type { Rng } from '../../base/rng.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../packet/checksum.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import * as tcp from '../../packet/tcp.ts';
import type { ProbePacket } from '../../schema/southbound/diagnostics/probe.ts';
import { ProbeProtocol } from '../../schema/southbound/diagnostics/probe-names.ts';
import { frameOf, type Sender } from '../explain/traced-frame.ts';

export interface ProbeFrames {
  readonly request: Uint8Array;
  /** Parse result of the request. */
  readonly key: FlowKey;
  /** Of an echo request: what its answer must repeat. */
  readonly payload: Uint8Array;
  /** Of a SYN. */
  readonly reset: Uint8Array | undefined;
}

/** Payload of an echo request whose probe asks for no length: name and number of the probe. */
const MARK = new TextEncoder().encode('weft probe ');
const MARK_BYTES: number = MARK.length + 8;
const SEQUENCE_AT = 6;
const TCP_SEQUENCE_AT = 4;

/** Throws SDN_QUESTION_INVALID where the description makes no packet. */
export function probeFrames(probe: ProbePacket, sender: Sender, rng: Rng): ProbeFrames {
  return probe.protocol === ProbeProtocol.TCP
    ? synFrames(probe, sender, rng)
    : echoFrames(probe, sender, rng);
}

/** The key of a probe's request, by which its frames are known wherever they come. */
export function probeKey(probe: ProbePacket): FlowKey {
  const nobody: Sender = { mac: 0, addresses: [], nextMac: () => 0 };
  const zero: Rng = { uint32: () => 0 };
  return probeFrames(probe, nobody, zero).key;
}

function echoFrames(probe: ProbePacket, sender: Sender, rng: Rng): ProbeFrames {
  const { source, destination, protocol, id, sequence = 1 } = probe;
  const message = probe.length ?? icmp.HEADER_LEN + MARK_BYTES;
  const isIpv6 = protocol === ProbeProtocol.ICMPV6;
  const header = isIpv6 ? ipv6.HEADER_LEN : ipv4.HEADER_LEN;
  const words = { source, destination, protocol, identifier: id, length: header + message };
  const request = frameOf(words, sender);
  const { view, key } = parsed(request);
  view.setUint16(key.l4At + SEQUENCE_AT, sequence);
  const payload = request.subarray(key.l4At + icmp.HEADER_LEN, key.l3End);
  for (let at = 0; at < payload.length; at += 1) payload[at] = MARK[at] ?? rng.uint32() & 0xff;
  fillChecksum(view, key);
  return { request, key, payload: payload.slice(0, MARK_BYTES), reset: undefined };
}

function synFrames(probe: ProbePacket, sender: Sender, rng: Rng): ProbeFrames {
  const { source, destination, protocol, id, destinationPort = 0 } = probe;
  const words = { source, destination, protocol, sourcePort: id, destinationPort };
  const first = rng.uint32();
  const segment = (tcpFlags: number, sequence: number) => {
    const frame = frameOf({ ...words, tcpFlags }, sender);
    const { view, key } = parsed(frame);
    view.setUint32(key.l4At + TCP_SEQUENCE_AT, sequence >>> 0);
    fillChecksum(view, key);
    return { frame, key };
  };
  const { frame: request, key } = segment(tcp.Flag.SYN, first);
  // The SYN took one number, so the reset is in the receiver's window whether or not its answer has come.
  const { frame: reset } = segment(tcp.Flag.RST, first + 1);
  return { request, key, payload: new Uint8Array(), reset };
}

function parsed(frame: Uint8Array): { readonly view: DataView; readonly key: FlowKey } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const key = newFlowKey();
  const drop = parseFlow(view, 0, frame.length, key);
  assert(drop === Drop.None, 'a frame made here parses');
  return { view, key };
}

function fillChecksum(view: DataView, { etherType, protocol, l3At, l4At, l3End }: FlowKey): void {
  const bytes = l3End - l4At;
  const pseudo =
    etherType === EtherType.IPV4
      ? pseudoIpv4(view, l3At, protocol, bytes)
      : pseudoIpv6(view, l3At, protocol, bytes);
  if (protocol === IpProtocol.TCP) tcp.fillChecksum(view, l4At, l3End, pseudo);
  else if (protocol === IpProtocol.ICMP) icmp.fillChecksum(view, l4At, l3End);
  else icmpv6.fillChecksum(view, l4At, l3End, pseudo);
}
