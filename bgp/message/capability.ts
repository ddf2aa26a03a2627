/**
 * Capabilities of an OPEN — RFC 5492. One optional parameter of type 2 holds any number of them:
 *
 *   +------------------------------+
 *   | Capability Code (1 octet)    |
 *   | Capability Length (1 octet)  |
 *   | Capability Value (variable)  |
 *   +------------------------------+
 *
 * Supported: multiprotocol (RFC 4760), route refresh (RFC 2918), extended next hop encoding (RFC 8950), extended message (RFC 8654),
 * role (RFC 9234), graceful restart (RFC 4724, N bit RFC 8538), four-octet AS (RFC 6793), ADD-PATH (RFC 7911), enhanced route
 * refresh (RFC 7313), long-lived graceful restart (RFC 9494). All others survive as `unknown`, byte for byte.
 *
 * A capability whose value has an impossible length is ignored, as RFC 5492 §3 asks for what is not understood — except four-octet AS,
 * without which the peer's AS number would be read wrongly. Called by open.ts.
 */

export const Afi = { Ipv4: 1, Ipv6: 2 } as const;
export const Safi = { Unicast: 1 } as const;

/** An address family as it is on the wire; values that IANA has not assigned are legal. */
export interface Family {
  readonly afi: number;
  readonly safi: number;
}

export const AddPathMode = { Receive: 1, Send: 2, Both: 3 } as const;

/** RFC 9234 §4.1 */
export const Role = {
  Provider: 0,
  RouteServer: 1,
  RouteServerClient: 2,
  Customer: 3,
  Peer: 4,
} as const;
export type Role = (typeof Role)[keyof typeof Role];

export interface GracefulRestartFamily extends Family {
  /** The speaker kept this family's forwarding state through its restart. */
  readonly forwardingState: boolean;
}

export type Capability =
  | ({ readonly kind: 'multiprotocol' } & Family)
  | { readonly kind: 'route-refresh' }
  | {
      readonly kind: 'extended-next-hop';
      readonly entries: readonly (Family & { readonly nextHopAfi: number })[];
    }
  | { readonly kind: 'extended-message' }
  | { readonly kind: 'role'; readonly role: number }
  | {
      readonly kind: 'graceful-restart';
      readonly restarting: boolean;
      /** N bit, RFC 8538 §2: this speaker keeps state through NOTIFICATION and hold timer expiry. */
      readonly notification: boolean;
      /** 0 … 4095 */
      readonly restartTimeSec: number;
      readonly families: readonly GracefulRestartFamily[];
    }
  | { readonly kind: 'four-octet-as'; readonly asn: number }
  | {
      readonly kind: 'add-path';
      readonly families: readonly (Family & { readonly mode: number })[];
    }
  | { readonly kind: 'enhanced-route-refresh' }
  | {
      readonly kind: 'long-lived-graceful-restart';
      /** `staleTimeSec` 24 bits */
      readonly families: readonly (GracefulRestartFamily & { readonly staleTimeSec: number })[];
    }
  | { readonly kind: 'unknown'; readonly code: number; readonly value: Uint8Array };

const Code = {
  Multiprotocol: 1,
  RouteRefresh: 2,
  ExtendedNextHop: 5,
  ExtendedMessage: 6,
  Role: 9,
  GracefulRestart: 64,
  FourOctetAs: 65,
  AddPath: 69,
  EnhancedRouteRefresh: 70,
  LongLivedGracefulRestart: 71,
} as const;

const HEADER_LEN = 2;
const RESTARTING_BIT = 0x8000;
const NOTIFICATION_BIT = 0x4000;
const RESTART_TIME_MASK = 0x0fff;
const FORWARDING_BIT = 0x80;

/** The capabilities in [at, end); undefined when their lengths do not add up or four-octet AS has no four octets. */
export function parseAll(view: DataView, at: number, end: number): Capability[] | undefined {
  const capabilities: Capability[] = [];
  let next = at;
  while (next < end) {
    if (end - next < HEADER_LEN) return undefined;
    const code = view.getUint8(next);
    const valueAt = next + HEADER_LEN;
    next = valueAt + view.getUint8(next + 1);
    if (next > end) return undefined;
    const capability = parseValue(code, view, valueAt, next);
    if (capability !== undefined) capabilities.push(capability);
    else if (code === Code.FourOctetAs) return undefined;
  }
  return capabilities;
}

/** Undefined for a length that this capability cannot have. */
function parseValue(code: number, view: DataView, at: number, end: number): Capability | undefined {
  const length = end - at;
  switch (code) {
    case Code.Multiprotocol:
      return length === 4
        ? { kind: 'multiprotocol', afi: view.getUint16(at), safi: view.getUint8(at + 3) }
        : undefined;
    case Code.RouteRefresh:
      return length === 0 ? { kind: 'route-refresh' } : undefined;
    case Code.ExtendedNextHop:
      return parseExtendedNextHop(view, at, end);
    case Code.ExtendedMessage:
      return length === 0 ? { kind: 'extended-message' } : undefined;
    case Code.Role:
      return length === 1 ? { kind: 'role', role: view.getUint8(at) } : undefined;
    case Code.GracefulRestart:
      return parseGracefulRestart(view, at, end);
    case Code.FourOctetAs:
      return length === 4 ? { kind: 'four-octet-as', asn: view.getUint32(at) } : undefined;
    case Code.AddPath:
      return parseAddPath(view, at, end);
    case Code.EnhancedRouteRefresh:
      return length === 0 ? { kind: 'enhanced-route-refresh' } : undefined;
    case Code.LongLivedGracefulRestart:
      return parseLongLivedGracefulRestart(view, at, end);
    default:
      return { kind: 'unknown', code, value: bytesOf(view, at, end) };
  }
}

function parseExtendedNextHop(view: DataView, at: number, end: number): Capability | undefined {
  const entries = parseEntries(at, end, 6, (entryAt) => ({
    afi: view.getUint16(entryAt),
    safi: view.getUint16(entryAt + 2),
    nextHopAfi: view.getUint16(entryAt + 4),
  }));
  return entries && { kind: 'extended-next-hop', entries };
}

function parseGracefulRestart(view: DataView, at: number, end: number): Capability | undefined {
  if (end - at < 2) return undefined;
  const flagsAndTime = view.getUint16(at);
  const families = parseEntries(at + 2, end, 4, (entryAt) => restartFamily(view, entryAt));
  return (
    families && {
      kind: 'graceful-restart',
      restarting: (flagsAndTime & RESTARTING_BIT) !== 0,
      notification: (flagsAndTime & NOTIFICATION_BIT) !== 0,
      restartTimeSec: flagsAndTime & RESTART_TIME_MASK,
      families,
    }
  );
}

function parseAddPath(view: DataView, at: number, end: number): Capability | undefined {
  const families = parseEntries(at, end, 4, (entryAt) => ({
    afi: view.getUint16(entryAt),
    safi: view.getUint8(entryAt + 2),
    mode: view.getUint8(entryAt + 3),
  }));
  return families && { kind: 'add-path', families };
}

function parseLongLivedGracefulRestart(
  view: DataView,
  at: number,
  end: number,
): Capability | undefined {
  const families = parseEntries(at, end, 7, (entryAt) => ({
    ...restartFamily(view, entryAt),
    staleTimeSec: (view.getUint8(entryAt + 4) << 16) | view.getUint16(entryAt + 5),
  }));
  return families && { kind: 'long-lived-graceful-restart', families };
}

function restartFamily(view: DataView, at: number): GracefulRestartFamily {
  return {
    afi: view.getUint16(at),
    safi: view.getUint8(at + 2),
    forwardingState: (view.getUint8(at + 3) & FORWARDING_BIT) !== 0,
  };
}

function parseEntries<T>(
  at: number,
  end: number,
  entryLen: number,
  parse: (at: number) => T,
): T[] | undefined {
  if ((end - at) % entryLen !== 0) return undefined;
  return Array.from({ length: (end - at) / entryLen }, (_, index) => parse(at + index * entryLen));
}

function bytesOf(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

/** Code, length and value, ready to be put into an optional parameter. */
export function encode(capability: Capability): Uint8Array {
  const { code, value } = codeAndValue(capability);
  return Uint8Array.of(code, value.length, ...value);
}

function codeAndValue(capability: Capability): {
  code: number;
  value: Uint8Array | readonly number[];
} {
  switch (capability.kind) {
    case 'multiprotocol':
      return { code: Code.Multiprotocol, value: [...uint16(capability.afi), 0, capability.safi] };
    case 'route-refresh':
      return { code: Code.RouteRefresh, value: [] };
    case 'extended-next-hop':
      return {
        code: Code.ExtendedNextHop,
        value: capability.entries.flatMap((entry) => [
          ...uint16(entry.afi),
          ...uint16(entry.safi),
          ...uint16(entry.nextHopAfi),
        ]),
      };
    case 'extended-message':
      return { code: Code.ExtendedMessage, value: [] };
    case 'role':
      return { code: Code.Role, value: [capability.role] };
    case 'graceful-restart': {
      const flags =
        (capability.restarting ? RESTARTING_BIT : 0) |
        (capability.notification ? NOTIFICATION_BIT : 0);
      const families = capability.families.flatMap(encodeRestartFamily);
      return {
        code: Code.GracefulRestart,
        value: [...uint16(flags | capability.restartTimeSec), ...families],
      };
    }
    case 'four-octet-as':
      return {
        code: Code.FourOctetAs,
        value: [...uint16(capability.asn >>> 16), ...uint16(capability.asn)],
      };
    case 'add-path':
      return {
        code: Code.AddPath,
        value: capability.families.flatMap((family) => [
          ...uint16(family.afi),
          family.safi,
          family.mode,
        ]),
      };
    case 'enhanced-route-refresh':
      return { code: Code.EnhancedRouteRefresh, value: [] };
    case 'long-lived-graceful-restart':
      return {
        code: Code.LongLivedGracefulRestart,
        value: capability.families.flatMap((family) => [
          ...encodeRestartFamily(family),
          (family.staleTimeSec >>> 16) & 0xff,
          ...uint16(family.staleTimeSec),
        ]),
      };
    case 'unknown':
      return { code: capability.code, value: capability.value };
  }
}

function encodeRestartFamily(family: GracefulRestartFamily): number[] {
  return [...uint16(family.afi), family.safi, family.forwardingState ? FORWARDING_BIT : 0];
}

function uint16(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}
