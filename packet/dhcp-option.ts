/**
 * DHCP options — RFC 2132; long options RFC 3396; overload §9.3. `code, length, data`, except PAD (0) and END (255), which are one byte.
 *
 * Options this module has no name for survive as bytes. Called by dhcp and dataplane/service/dhcp-server.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { copyBytes, writeBytes } from './bytes.ts';
import { DHCP_OPTIONS_MAX } from './limits.ts';

export const OptionCode = {
  PAD: 0,
  SUBNET_MASK: 1,
  ROUTER: 3,
  DNS_SERVERS: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  INTERFACE_MTU: 26,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  OVERLOAD: 52,
  MESSAGE_TYPE: 53,
  SERVER_ID: 54,
  PARAMETER_LIST: 55,
  MESSAGE: 56,
  MESSAGE_SIZE_MAX: 57,
  RENEWAL_TIME: 58,
  REBINDING_TIME: 59,
  CLIENT_ID: 61,
  DOMAIN_SEARCH: 119,
  CLASSLESS_ROUTES: 121,
  END: 255,
} as const;

/** Values of OVERLOAD: which fixed fields carry options too. */
export const Overload = { FILE: 1, SNAME: 2 } as const;

/** Longest data of one option; longer values are split (RFC 3396 §6). */
export const DATA_LEN_MAX = 255;

export interface DhcpOption {
  readonly code: number;
  readonly data: Uint8Array;
}

/** True if [at, end) is a run of whole options, ended by END or by `end`. */
export function areWellFormed(view: DataView, at: number, end: number): boolean {
  let offset = at;
  let count = 0;
  while (offset < end) {
    const code = view.getUint8(offset);
    if (code === OptionCode.END) return true;
    if (code === OptionCode.PAD) {
      offset += 1;
      continue;
    }
    count += 1;
    if (count > DHCP_OPTIONS_MAX || offset + 2 > end) return false;
    offset += 2 + view.getUint8(offset + 1);
  }
  return offset === end;
}

/** Offset of the first option with `code` in a well-formed run (its data begins two bytes on), or −1. */
export function find(view: DataView, at: number, end: number, code: number): number {
  let offset = at;
  while (offset < end) {
    const found = view.getUint8(offset);
    if (found === code) return offset;
    if (found === OptionCode.END) return -1;
    offset += found === OptionCode.PAD ? 1 : 2 + view.getUint8(offset + 1);
  }
  return -1;
}

/** Adds the options of a well-formed run to `options`; data of one code met again is appended to it (RFC 3396 §5). */
export function collect(view: DataView, at: number, end: number, options: DhcpOption[]): void {
  let offset = at;
  while (offset < end) {
    const code = view.getUint8(offset);
    if (code === OptionCode.END) return;
    if (code === OptionCode.PAD) {
      offset += 1;
      continue;
    }
    const dataEnd = offset + 2 + view.getUint8(offset + 1);
    append(options, code, copyBytes(view, offset + 2, dataEnd));
    offset = dataEnd;
  }
}

function append(options: DhcpOption[], code: number, data: Uint8Array): void {
  const index = options.findIndex((option) => option.code === code);
  const earlier = options[index];
  if (earlier === undefined) {
    options.push({ code, data });
    return;
  }
  const joined = new Uint8Array(earlier.data.length + data.length);
  joined.set(earlier.data);
  joined.set(data, earlier.data.length);
  options[index] = { code, data: joined };
}

/** Bytes of the options on the wire, END included. */
export function optionsLen(options: readonly DhcpOption[]): number {
  return options.reduce((total, { data }) => total + data.length + 2 * pieces(data.length), 1);
}

/** Writes options and END; returns the offset after END. */
export function emitOptions(options: readonly DhcpOption[], view: DataView, at: number): number {
  let offset = at;
  for (const { code, data } of options) {
    for (let piece = 0; piece < pieces(data.length); piece += 1) {
      const part = data.slice(piece * DATA_LEN_MAX, (piece + 1) * DATA_LEN_MAX);
      view.setUint8(offset, code);
      view.setUint8(offset + 1, part.length);
      writeBytes(part, view, offset + 2);
      offset += 2 + part.length;
    }
  }
  view.setUint8(offset, OptionCode.END);
  return offset + 1;
}

/** An empty option is one piece too. */
function pieces(dataLen: number): number {
  return Math.max(1, Math.ceil(dataLen / DATA_LEN_MAX));
}

export function uint8Option(code: number, value: number): DhcpOption {
  return { code, data: Uint8Array.of(value) };
}

export function uint16Option(code: number, value: number): DhcpOption {
  return { code, data: Uint8Array.of(value >>> 8, value & 0xff) };
}

export function uint32Option(code: number, value: number): DhcpOption {
  return { code, data: addressBytes(value) };
}

export function addressesOption(code: number, addresses: readonly Ipv4[]): DhcpOption {
  return {
    code,
    data: Uint8Array.from(addresses.flatMap((address) => [...addressBytes(address)])),
  };
}

export function textOption(code: number, text: string): DhcpOption {
  return { code, data: new TextEncoder().encode(text) };
}

function addressBytes(address: number): Uint8Array {
  return Uint8Array.of(
    address >>> 24,
    (address >>> 16) & 0xff,
    (address >>> 8) & 0xff,
    address & 0xff,
  );
}
