/**
 * Service relay: the way between VMs and the servers of the platform's addresses, which are ordinary sockets of the host process behind
 * a TAP of the switch itself, the service port:
 *
 *   VM 10.0.0.4 → 168.63.129.16:53    becomes    169.254.129.8 → 169.254.128.1:53    and back
 *
 * Both addresses are translated without state: the server's follows from its port number, the VM's is one of the eight of its port's slot
 * (169.254.128.0 + 8 · port number + which of the port's IPv4 addresses). So two tenants' VMs with the same address are told apart, and
 * the servers know who asks by where it comes from. Ports stay as they are, for there is nothing to share. The host's own addresses
 * never clash with the platform's: a host may itself be a VM of a cloud that has them.
 *
 * What passes is what the platform offers and nothing else, a bounded number of packets per port and second. Called by service-exchange.
 */
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { Frame } from '../engine/transposition.ts';
import { METADATA_ADDRESS, PLATFORM_ADDRESS } from '../layers/services.ts';
import { PORTS_MAX, SERVICE_PACKETS_PER_PORT_PER_SEC_MAX } from '../limits.ts';
import {
  SERVER_ADDRESS,
  SERVICE_MAC,
  SLOT_ADDRESSES,
  SLOTS_ADDRESS,
} from '../platform/service-addresses.ts';
import type { ServicePort } from './network-state.ts';
import { AddressTranslation, PortBudget } from './relay-parts.ts';

const DNS_PORT = 53;
const METADATA_PORT = 80;

export class ServiceRelay {
  readonly #addresses = new AddressTranslation();
  readonly #budget = new PortBudget(SERVICE_PACKETS_PER_PORT_PER_SEC_MAX);

  /** Turns a VM's frame into one for the servers. Drop.None: send it to the service port. */
  toServers(frame: Frame, key: FlowKey, port: number, service: ServicePort, nowSec: number): Drop {
    const which = service.ipv4?.addresses.indexOf(key.src3) ?? -1;
    if (which < 0 || which >= SLOT_ADDRESSES || key.fragment !== Fragment.NONE) {
      return Drop.ServiceUnsupported;
    }
    if (!this.#budget.take(port, nowSec)) return Drop.RateLimited;
    const src = SLOTS_ADDRESS + port * SLOT_ADDRESSES + which;
    this.#addresses.translateIpv4(frame, key, src, SERVER_ADDRESS, SERVICE_MAC);
    return Drop.None;
  }

  /** Number of the port that a frame of the servers is for; -1: for none. */
  portFor(key: FlowKey): number {
    const slot = key.dst3 - SLOTS_ADDRESS;
    const isReply =
      key.etherType === ethernet.EtherType.IPV4 &&
      key.fragment === Fragment.NONE &&
      key.src3 === SERVER_ADDRESS &&
      platformAddress(key) !== 0;
    const isSlot = slot >= 0 && slot < PORTS_MAX * SLOT_ADDRESSES;
    return isReply && isSlot ? Math.floor(slot / SLOT_ADDRESSES) : -1;
  }

  /** Turns a frame of the servers (portFor has named the port) into one for the VM. */
  fromServers(frame: Frame, key: FlowKey, service: ServicePort): Drop {
    const settings = service.ipv4;
    const dst = settings?.addresses[(key.dst3 - SLOTS_ADDRESS) % SLOT_ADDRESSES];
    if (settings === undefined || dst === undefined) return Drop.DestinationNotLocal;
    this.#addresses.translateIpv4(frame, key, platformAddress(key), dst, settings.mac);
    return Drop.None;
  }
}

/** The address that a server's answer comes from, by its source port; 0 for what is no answer of a server. */
function platformAddress(key: FlowKey): number {
  const isTcp = key.protocol === IpProtocol.TCP;
  if (key.srcPort === DNS_PORT && (isTcp || key.protocol === IpProtocol.UDP)) {
    return PLATFORM_ADDRESS;
  }
  return key.srcPort === METADATA_PORT && isTcp ? METADATA_ADDRESS : 0;
}
