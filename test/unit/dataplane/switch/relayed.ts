/** A switch with the service port, and frames that relays have translated, read. Called by the tests of service-relay and probe-relay. */
import { formatIpv4 } from '../../../../base/ipv4.ts';
import { pseudoIpv4 } from '../../../../packet/checksum.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as tcp from '../../../../packet/tcp.ts';
import * as udp from '../../../../packet/udp.ts';
import { viewOf } from '../../packet/frames.ts';
import { type TenantRig, tenantRig } from './tenants.ts';

export interface ServiceRig extends TenantRig {
  /** Number of the service port. */
  readonly services: number;
}

export function serviceRig(): ServiceRig {
  const net = tenantRig();
  const services = net.io.attach('ethernet');
  net.core.setServices(services);
  return { ...net, services };
}

/** Addresses and soundness of an IPv4 frame with TCP or UDP. */
export function read(bytes: Uint8Array | undefined): {
  readonly src: string;
  readonly dst: string;
  readonly srcMac: number;
  readonly dstMac: number;
  readonly isSound: boolean;
} {
  const view = viewOf(bytes ?? new Uint8Array(100));
  const protocol = ipv4.protocol(view, 14);
  const end = 14 + ipv4.totalLength(view, 14);
  const pseudo = pseudoIpv4(view, 14, protocol, end - 34);
  const isUdp = protocol === IpProtocol.UDP;
  return {
    src: formatIpv4(ipv4.src(view, 14)),
    dst: formatIpv4(ipv4.dst(view, 14)),
    srcMac: ethernet.src(view, 0),
    dstMac: ethernet.dst(view, 0),
    isSound:
      ipv4.hasValidChecksum(view, 14) &&
      (isUdp
        ? udp.hasValidChecksum(view, 34, pseudo)
        : tcp.hasValidChecksum(view, 34, end, pseudo)),
  };
}
