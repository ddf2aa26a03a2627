/**
 * Answers: frames the switch sends in its own name, made by the local services (dataplane/service) in the ring's scratch area. An answer lives
 * until the exchange that sends it; the area is shared out anew in every burst. Called by the forwarder and its parts.
 */
import { assertNever } from '../../base/assert.ts';
import { equalIpWords, type IpWords } from '../../base/ip-words.ts';
import { ipv6MulticastMac } from '../../base/mac.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import type { Frame } from '../engine/transposition.ts';
import { Service } from '../layers/services.ts';
import { ICMP_ERRORS_PER_PORT_PER_SEC_MAX, ICMP_ERRORS_PER_SEC_MAX, PORTS_MAX } from '../limits.ts';
import type { FrameIo } from '../port/frame-io.ts';
import type { Answer } from '../service/answer.ts';
import { answerArp } from '../service/arp-responder.ts';
import { answerDhcp } from '../service/dhcp-server.ts';
import { answerDhcpv6 } from '../service/dhcpv6-server.ts';
import {
  answerEcho,
  emitFragmentationNeeded,
  emitTimeExceeded,
} from '../service/icmp-responder.ts';
import {
  answerEchoV6,
  emitHopLimitExceeded,
  emitPacketTooBig,
} from '../service/icmpv6-responder.ts';
import { ANSWER_BYTES_MIN } from '../service/limits.ts';
import { ALL_NODES, answerNeighborDiscovery } from '../service/neighbor-responder.ts';
import { type Ipv6Settings, ROUTER_LINK_LOCAL } from '../service/port-settings.ts';
import { emitAdvertisement } from '../service/router-advertiser.ts';
import { bytesForCopies } from './mirror-copies.ts';
import type { ServicePort } from './network-state.ts';

/** Before each answer: its virtio_net_hdr, rounded up. */
const VNET_ROOM = 16;
/** What an answer may be longer than its question: headers of its own. */
const HEADERS_ROOM = 128;

export const NO_ROOM = -1;

export class Answers {
  readonly #view: DataView;
  readonly #start: number;
  readonly #end: number;
  #next: number;
  #errorsLeft = ICMP_ERRORS_PER_SEC_MAX;
  #errorsSec = 0;
  /** Errors of each port within the second at hand. */
  readonly #errorsOfPort = new Uint16Array(PORTS_MAX);
  /** The last answer made: [at, end), its header at `at` − VNET_ROOM. */
  #answer: Answer;

  constructor(io: Pick<FrameIo, 'view' | 'scratchAt' | 'scratchBytes'>) {
    this.#view = io.view;
    this.#start = io.scratchAt;
    this.#end = io.scratchAt + io.scratchBytes - bytesForCopies(io.scratchBytes);
    this.#next = this.#start;
    this.#answer = { at: this.#start, limit: this.#start, end: this.#start };
  }

  /** Starts a burst: what was made for the last one has been sent. */
  clear(): void {
    this.#next = this.#start;
  }

  get at(): number {
    return this.#answer.at;
  }
  get end(): number {
    return this.#answer.end;
  }
  get vnetAt(): number {
    return this.#answer.at - VNET_ROOM;
  }

  /** Takes over a frame made elsewhere, whole and without offloads. True: it lies at [at, end). */
  place(bytes: Uint8Array): boolean {
    if (!this.#reserve(bytes.length)) return false;
    const { at } = this.#answer;
    new Uint8Array(this.#view.buffer, this.#view.byteOffset).set(bytes, at);
    this.#answer = { ...this.#answer, end: at + bytes.length };
    this.#keep();
    return true;
  }

  /** Room for frames that are made elsewhere, [block, block + bytes); NO_ROOM: this burst has none left. */
  take(bytes: number): number {
    const block = this.#next;
    if (block + bytes > this.#end) return NO_ROOM;
    this.#next = align(block + bytes);
    return block;
  }

  /** Answers a question to the switch itself. Drop.None: send [at, end) if it is not empty. */
  answer(service: Service, frame: Frame, key: FlowKey, port: ServicePort): Drop {
    if (!this.#reserve(frame.end - frame.at)) return Drop.RateLimited;
    const drop = this.#make(service, frame, key, port);
    if (drop === Drop.None) this.#keep();
    return drop;
  }

  /** Tells the sender that its packet cannot go on. True: send [at, end). */
  reportError(
    error: typeof Service.TIME_EXCEEDED | typeof Service.FRAGMENTATION_NEEDED,
    packet: {
      readonly frame: Frame;
      readonly key: FlowKey;
      readonly port: ServicePort;
      readonly index: number;
    },
    mtu: number,
    nowSec: number,
  ): boolean {
    const { frame, key, port } = packet;
    if (!this.#mayReport(packet.index, nowSec) || !this.#reserve(0)) return false;
    const about = { at: frame.at, key };
    const isIpv6 = key.etherType === ethernet.EtherType.IPV6;
    if (isIpv6 && port.ipv6 !== undefined) this.#reportV6(error, about, port.ipv6, mtu);
    else if (!isIpv6 && port.ipv4 !== undefined) {
      const router = port.ipv4.gateway;
      if (error === Service.TIME_EXCEEDED) {
        emitTimeExceeded(this.#view, about, router, this.#answer);
      } else emitFragmentationNeeded(this.#view, about, { router, mtu }, this.#answer);
    }
    if (this.end === this.at) return false;
    this.#keep();
    return true;
  }

  /** An advertisement that nobody has asked for, to the port's guest. True: send [at, end). */
  advertise(settings: Ipv6Settings): boolean {
    if (!this.#reserve(0)) return false;
    const dstMac = ipv6MulticastMac(ALL_NODES[3]);
    emitAdvertisement(this.#view, settings, { dst: ALL_NODES, dstMac }, this.#answer);
    this.#keep();
    return true;
  }

  #reportV6(
    error: typeof Service.TIME_EXCEEDED | typeof Service.FRAGMENTATION_NEEDED,
    about: { readonly at: number; readonly key: FlowKey },
    settings: Ipv6Settings,
    mtu: number,
  ): void {
    const router = routerFor(settings, about.key);
    if (error === Service.TIME_EXCEEDED) {
      emitHopLimitExceeded(this.#view, about, router, this.#answer);
    } else emitPacketTooBig(this.#view, about, { router, mtu }, this.#answer);
  }

  #make(service: Service, frame: Frame, key: FlowKey, port: ServicePort): Drop {
    const view = this.#view;
    switch (service) {
      case Service.ARP:
        return this.#answerArp(frame, key, port);
      case Service.DHCP_V4:
        if (port.ipv4 === undefined) return Drop.ServiceUnsupported;
        return answerDhcp(view, key, port.ipv4, this.#answer);
      case Service.ICMP_ECHO:
        return key.etherType === ethernet.EtherType.IPV6
          ? answerEchoV6(view, { at: frame.at, key }, this.#answer)
          : answerEcho(view, { at: frame.at, key }, this.#answer);
      case Service.NEIGHBOR_DISCOVERY: {
        const hasPartialChecksum = vnetHeader.needsCsum(view, frame.vnetAt);
        const about = { at: frame.at, key, hasPartialChecksum };
        const about6 = { settings: port.ipv6, neighborMac: port.ipv6NeighborMac };
        return answerNeighborDiscovery(view, about, about6, this.#answer);
      }
      case Service.DHCP_V6:
        if (port.ipv6 === undefined) return Drop.ServiceUnsupported;
        return answerDhcpv6(view, { at: frame.at, key }, port.ipv6, this.#answer);
      case Service.NOTED:
        return Drop.None;
      case Service.RELAY:
      case Service.PROBE_ANSWER:
      case Service.TIME_EXCEEDED:
      case Service.FRAGMENTATION_NEEDED:
        return Drop.ServiceUnsupported;
      default:
        return assertNever(service);
    }
  }

  #answerArp(frame: Frame, key: FlowKey, port: ServicePort): Drop {
    const { ipv4: settings, neighborMac } = port;
    if (settings === undefined) return Drop.ArpUnanswered;
    const question = { at: frame.at, end: frame.end, key };
    return answerArp(this.#view, question, { settings, neighborMac }, this.#answer);
  }

  /** Makes room for an answer to a frame of `bytes`. */
  #reserve(bytes: number): boolean {
    const at = this.#next + VNET_ROOM;
    const limit = at + Math.max(ANSWER_BYTES_MIN, bytes + HEADERS_ROOM);
    if (limit > this.#end) return false;
    this.#answer = { at, limit, end: at };
    return true;
  }

  #keep(): void {
    vnetHeader.clear(this.#view, this.vnetAt);
    this.#next = align(this.end);
  }

  #mayReport(port: number, nowSec: number): boolean {
    if (nowSec !== this.#errorsSec) {
      this.#errorsSec = nowSec;
      this.#errorsLeft = ICMP_ERRORS_PER_SEC_MAX;
      this.#errorsOfPort.fill(0);
    }
    const sent = this.#errorsOfPort[port] ?? 0;
    if (this.#errorsLeft === 0 || sent >= ICMP_ERRORS_PER_PORT_PER_SEC_MAX) return false;
    this.#errorsLeft -= 1;
    this.#errorsOfPort[port] = sent + 1;
    return true;
  }
}

/** As the view's accesses and the kernel's copies like it. */
function align(at: number): number {
  return (at + VNET_ROOM - 1) & ~(VNET_ROOM - 1);
}

/** The gateway of the subnet that the packet comes from; for a packet that the guest forwards, of its first. */
function routerFor(settings: Ipv6Settings, key: FlowKey): IpWords {
  const source: IpWords = [key.src0, key.src1, key.src2, key.src3];
  const own = settings.addresses.find(({ address }) => equalIpWords(address, source));
  return (own ?? settings.addresses[0])?.gateway ?? ROUTER_LINK_LOCAL;
}
