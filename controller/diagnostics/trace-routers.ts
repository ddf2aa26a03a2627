/**
 * The routers on a traced packet's way: what an edge says that it would make of it, and where it goes on from there: to a host through a tunnel, to
 * a mux, or away. Called by trace.
 */
import { type Ip, ipFamily, ipPrefixHas, ipPrefixOf, parseIp } from '../../base/ip.ts';
import { formatMac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { EdgeQuestion, EdgeTrace } from '../../schema/southbound/diagnostics/edge.ts';
import type { Question } from '../../schema/southbound/diagnostics/methods.ts';
import type {
  PacketEnds,
  PacketSpec,
  PacketView,
} from '../../schema/southbound/diagnostics/trace.ts';
import type { DesiredState, Resource } from '../model/desired-state.ts';
import type { Explained } from './hosts.ts';
import { serverAt } from './provider-address.ts';

/** A router that the packet comes to. */
export interface RouterHop {
  readonly resourceRef: string;
  /** How many hosts it has come through before. */
  readonly afterHops: number;
  /** As it comes. */
  readonly packet: Pick<
    TravellingPacket,
    'source' | 'destination' | 'protocol' | 'sourcePort' | 'destinationPort'
  >;
  readonly steps: EdgeTrace['steps'];
  /** As it goes on. */
  readonly leaves?: EdgeTrace['leaves'];
}

/** Where the packet goes next. */
export type Onward =
  | AtEdge
  | AtMux
  | { readonly kind: 'host'; readonly host: string; readonly question: Question<'trace'> }
  | { readonly kind: 'outside'; readonly link: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface AtEdge {
  readonly kind: 'edge';
  readonly edge: Resource;
  /** By which tunnel or link it comes. */
  readonly entrance: Pick<EdgeQuestion<'edgeTrace'>, 'vni' | 'link'>;
  readonly packet: TravellingPacket;
}

export interface AtMux {
  readonly kind: 'mux';
  readonly mux: Resource;
  readonly packet: TravellingPacket;
}

/** What is known of a packet on its way. */
export type TravellingPacket = PacketSpec & { readonly source: string };

export function travelling(view: PacketView, spec: PacketSpec): TravellingPacket {
  const { source, destination, sourcePort, destinationPort } = view;
  const { sourceMac: _, destinationMac: __, ...rest } = spec;
  return {
    ...rest,
    ...{ source, destination },
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
  };
}

export async function throughEdge(
  context: Explained,
  { edge, entrance, packet }: AtEdge,
): Promise<{ readonly hop: Omit<RouterHop, 'afterHops'>; readonly onward: Onward }> {
  const { source, destination, protocol, sourcePort, destinationPort } = packet;
  const asked = {
    ...{ source, destination, protocol },
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
  };
  const told = await context.askEdge(edge.resourceId, 'edgeTrace', { ...entrance, ...asked });
  const { steps, leaves } = told;
  const hop = {
    resourceRef: edge.ref,
    packet: asked,
    steps,
    ...(leaves !== undefined && { leaves }),
  };
  if (leaves === undefined) return { hop, onward: { kind: 'refused', reason: told.verdict } };
  return { hop, onward: onwardFrom(context, leaves, packet) };
}

function onwardFrom(
  { desired }: Explained,
  leaves: NonNullable<EdgeTrace['leaves']>,
  packet: TravellingPacket,
): Onward {
  const { tunnel, link } = leaves;
  const mux = leaves.nextHop === undefined ? undefined : muxAt(desired, leaves.nextHop);
  if (mux !== undefined) return { kind: 'mux', mux, packet: { ...packet, ...endsOf(leaves) } };
  if (tunnel === undefined) return { kind: 'outside', link };
  const host = serverAt(desired, tunnel.to);
  if (host === undefined) {
    return { kind: 'unknown', reason: `no server has the provider address ${tunnel.to}` };
  }
  const question = {
    tunnel: { source: tunnel.from, vni: tunnel.vni },
    packet: {
      ...packet,
      ...endsOf(leaves),
      sourceMac: tunnel.sourceMac,
      destinationMac: tunnel.destinationMac,
    },
  };
  return { kind: 'host', host, question };
}

/** The edge router's interface on whose prefix the address is; else its first. */
export function outsideLink(edge: Resource, source: string): string | undefined {
  const { outsideInterfaces = [] } = edge.properties as EdgeProperties;
  const ip = parseIp(source);
  const isOn = ({ addresses }: OutsideInterface): boolean =>
    ip !== undefined && addresses.some((each) => isOnLink(each, ip));
  return (outsideInterfaces.find(isOn) ?? outsideInterfaces[0])?.name;
}

interface OutsideInterface {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** As schema/northbound/edge-routers.ts has accepted them. */
interface EdgeProperties {
  readonly outsideInterfaces?: readonly OutsideInterface[];
}

/** `own`: with its prefix length. */
function isOnLink(own: string, ip: Ip): boolean {
  const [address = '', len] = own.split('/');
  const parsed = parseIp(address);
  if (parsed === undefined || ipFamily(parsed) !== ipFamily(ip)) return false;
  return ipPrefixHas(ipPrefixOf(parsed, Number(len)), ip);
}

export function endsOf({
  source,
  destination,
  sourcePort,
  destinationPort,
}: PacketEnds): PacketEnds {
  return {
    ...{ source, destination },
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
  };
}

/** What a load balancer's mux makes of a packet to a virtual address. */
export async function throughMux(
  { desired, askMux }: Explained,
  { mux, packet }: AtMux,
): Promise<{ readonly hop: Omit<RouterHop, 'afterHops'>; readonly onward: Onward }> {
  const { source, destination, protocol, sourcePort, destinationPort } = packet;
  const at = { resourceRef: mux.ref, packet: { ...endsOf(packet), protocol } };
  if (protocol !== TCP && protocol !== UDP) {
    const reason = 'a mux itself answers what is neither TCP nor UDP';
    return { hop: { ...at, steps: [] }, onward: { kind: 'unknown', reason } };
  }
  const told = await askMux(mux.resourceId, 'muxTrace', {
    ...{ source, destination, protocol, destinationPort: destinationPort ?? 0 },
    ...(sourcePort !== undefined && { sourcePort }),
  });
  const { verdict, via = '', asked, row, backend = '', host, vni, mac } = told;
  const steps = [
    { step: 'address', text: destination, resourceRef: told.resourceRef ?? '' },
    ...(verdict === 'forwarded' && told.ruleRef === undefined
      ? []
      : [
          {
            step: 'rule',
            text: verdict === 'forwarded' ? 'serves it' : verdict,
            resourceRef: told.ruleRef ?? '',
          },
        ]),
    ...(backend === ''
      ? []
      : [
          {
            step: 'backend',
            text: [
              `${backend}: ${via}`,
              ...(row === undefined ? [] : [`row ${row}`]),
              ...(asked === true ? ['comes back where it is not known'] : []),
            ].join(', '),
            resourceRef: '',
          },
        ]),
  ];
  const hop = { ...at, steps };
  if (host === undefined || vni === undefined || mac === undefined) {
    return { hop, onward: { kind: 'refused', reason: verdict } };
  }
  const server = serverAt(desired, host);
  if (server === undefined) {
    const reason = `no server has the provider address ${host}`;
    return { hop, onward: { kind: 'unknown', reason } };
  }
  const sourceMac = formatMac(VIRTUAL_ROUTER_MAC);
  const question = {
    tunnel: { source: muxAddress(mux), vni },
    packet: { ...packet, sourceMac, destinationMac: mac },
  };
  return { hop, onward: { kind: 'host', host: server, question } };
}

const TCP = 6;
const UDP = 17;

function muxAt(desired: DesiredState, address: string): Resource | undefined {
  return [...desired.list('loadBalancerMuxes').values()].find((mux) => muxAddress(mux) === address);
}

function muxAddress({ properties }: Resource): string {
  const address = properties['providerAddress'];
  return typeof address === 'string' ? address : '';
}
