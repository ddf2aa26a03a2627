/**
 * Probe relay: the way between the host's health probes (dataplane/health), ordinary sockets behind the service port, and the backends on
 * this host:
 *
 *   169.254.128.2 → 169.254.129.8     becomes     168.63.129.16 → 10.0.0.4        and back
 *   fd57:4546:5400::2 → …::108        becomes     fe80::1234:5678:9abc → 2001:db8::4
 *
 * Addresses are translated without state, as for services (service-relay.ts): a slot names a port and one of its addresses, so two tenants'
 * backends with the same address are told apart. Ports stay as they are. Unlike a service's packets a probe then passes the port's layers as
 * part of a flow, and only what answers such a flow comes back: a VM opens no connection to the host. Called by service-exchange.
 */
import type { IpWords } from '../../base/ip-words.ts';
import { isIpv4Words } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { Frame } from '../engine/transposition.ts';
import type { PortAddress, PortPolicy } from '../layers/port-policy.ts';
import { PROBE_SOURCES } from '../layers/services.ts';
import { PORTS_MAX, PROBE_PACKETS_PER_PORT_PER_SEC_MAX } from '../limits.ts';
import {
  PROBER_ADDRESS,
  PROBER_IPV6_ADDRESS,
  SERVICE_MAC,
  SLOT_ADDRESSES,
  slotAddress,
  slotAt,
} from '../platform/service-addresses.ts';
import { AddressTranslation, PortBudget } from './relay-parts.ts';

const [PLATFORM_IPV4, PLATFORM_IPV6] = PROBE_SOURCES;

export class ProbeRelay {
  readonly #addresses = new AddressTranslation();
  readonly #budget = new PortBudget(PROBE_PACKETS_PER_PORT_PER_SEC_MAX);

  /** Number of the port that a probe of the host's is for; -1: the frame is none. */
  portFor(key: FlowKey): number {
    if (key.protocol !== IpProtocol.TCP || key.fragment !== Fragment.NONE) return -1;
    const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
    const [w0, w1, w2, w3] = isIpv4 ? PROBER_ADDRESS : PROBER_IPV6_ADDRESS;
    const { src0, src1, src2, src3 } = key;
    if (src3 !== w3 || src2 !== w2 || src1 !== w1 || src0 !== w0) return -1;
    const slot = slotAt(isIpv4, key.dst0, key.dst1, key.dst2, key.dst3);
    return slot >= 0 && slot < PORTS_MAX * SLOT_ADDRESSES ? Math.floor(slot / SLOT_ADDRESSES) : -1;
  }

  /** Turns a probe's frame (portFor has named the port) into one for the VM. The segment that it is for; -1: the port has no such address. */
  toBackend(frame: Frame, key: FlowKey, policy: PortPolicy): number {
    const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
    const which = key.dst3 % SLOT_ADDRESSES;
    const own = addressesOf(policy, isIpv4)[which];
    const platform = isIpv4 ? PLATFORM_IPV4 : PLATFORM_IPV6;
    if (own === undefined || platform === undefined) return -1;
    this.#addresses.translate(frame, key, platform, own.address, policy.mac);
    return own.segment;
  }

  /** Turns a VM's answer into a frame for the prober. Drop.None: send it to the service port. */
  toProber(frame: Frame, key: FlowKey, port: number, policy: PortPolicy, nowSec: number): Drop {
    const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
    const which = addressesOf(policy, isIpv4).findIndex(({ address }) => isFrom(key, address));
    if (which < 0 || which >= SLOT_ADDRESSES || key.fragment !== Fragment.NONE) {
      return Drop.ServiceUnsupported;
    }
    if (!this.#budget.take(port, nowSec)) return Drop.RateLimited;
    const src = slotAddress(isIpv4, port, which);
    const dst = isIpv4 ? PROBER_ADDRESS : PROBER_IPV6_ADDRESS;
    this.#addresses.translate(frame, key, src, dst, SERVICE_MAC);
    return Drop.None;
  }
}

/** The port's addresses of a family, in the order of its slots. */
function addressesOf({ addresses }: PortPolicy, isIpv4: boolean): readonly PortAddress[] {
  return addresses.filter(({ address }) => isIpv4Words(address) === isIpv4);
}

function isFrom({ src0, src1, src2, src3 }: FlowKey, [w0, w1, w2, w3]: IpWords): boolean {
  return src3 === w3 && src2 === w2 && src1 === w1 && src0 === w0;
}
