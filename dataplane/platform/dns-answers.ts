/**
 * DNS at 168.63.129.16, what it knows by itself — RFC 1034, RFC 1035; negative answers RFC 2308; EDNS RFC 6891; extended errors RFC 8914.
 *
 *   LABEL.DOMAIN, DOMAIN the asker's own network's   A, AAAA; NXDOMAIN for no interface, NODATA for another type
 *   reverse names of the network's address space     PTR
 *   DOMAIN itself                                    SOA, NS
 *   other names under weft.internal                  NXDOMAIN: another network's names are nobody's business, and no forwarder's
 *   everything else                                  to be asked of a forwarder
 *
 * Pure: a query and the names of the asker's network make an answer or a question to forward. Zone transfers, updates and classes other
 * than IN are refused. Called by dns-server.
 */
import * as dnsPacket from 'dns-packet';
import { formatIpWords, isIpv4Words, parseIpWords } from '../../base/ip-words.ts';
import * as message from './dns-message.ts';
import {
  DNS_NAME_TTL_SEC,
  DNS_RECORDS_MAX,
  DNS_UDP_BYTES_MAX,
  DNS_UDP_BYTES_PLAIN,
} from './limits.ts';
import type { NetworkNames } from './service-directory.ts';

/** All networks' names are below it; none of them is known outside. */
const ROOT_DOMAIN = 'weft.internal';

export const ResponseCode = {
  NO_ERROR: 0,
  FORMAT_ERROR: 1,
  SERVER_FAILURE: 2,
  NAME_ERROR: 3,
  NOT_IMPLEMENTED: 4,
  REFUSED: 5,
  BAD_VERSION: 16,
} as const;

/** RFC 8914 §4. */
export const ExtendedError = { OTHER: 0, NOT_READY: 14, PROHIBITED: 18, NO_AUTHORITY: 22 } as const;

export interface ExtendedErrorInfo {
  readonly code: number;
  readonly text: string;
}

export interface Query {
  readonly id: number;
  /** Name and type as bytes, as the client wrote them. */
  readonly question: Uint8Array;
  /** Lower case, no dot at the end; '' is the root. */
  readonly name: string;
  readonly type: string;
  readonly isRecursionDesired: boolean;
  readonly isCheckingDisabled: boolean;
  /** Undefined: the client knows no EDNS. */
  readonly edns: { readonly payloadBytes: number; readonly isDnssecOk: boolean } | undefined;
}

export type Decision =
  /** Not to be answered: no query. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'reply'; readonly query: Query | undefined; readonly bytes: Uint8Array }
  | { readonly kind: 'forward'; readonly query: Query };

const { AUTHORITATIVE_ANSWER, RECURSION_DESIRED, RECURSION_AVAILABLE, CHECKING_DISABLED } =
  dnsPacket;
const OPT_DNSSEC_OK = 0x8000;
const OPCODE_QUERY = 0;
const EXTENDED_ERROR_OPTION = 15;
const TRANSFERS: ReadonlySet<string> = new Set(['AXFR', 'IXFR', 'MAILA', 'MAILB']);

/** What becomes of the message of a VM whose network has these names. */
export function decide(bytes: Uint8Array, names: NetworkNames): Decision {
  if (bytes.length < message.HEADER_LEN || message.isResponse(bytes)) return { kind: 'ignore' };
  const id = message.identifier(bytes);
  const fail = (code: number): Decision => ({
    kind: 'reply',
    query: undefined,
    bytes: bareFailure(id, code),
  });
  if ((((bytes[2] ?? 0) >> 3) & 0xf) !== OPCODE_QUERY) return fail(ResponseCode.NOT_IMPLEMENTED);
  const end = message.questionEnd(bytes);
  const decoded = end === undefined ? undefined : decode(bytes);
  const question = decoded?.questions?.[0];
  if (end === undefined || decoded === undefined || question === undefined) {
    return fail(ResponseCode.FORMAT_ERROR);
  }
  const opts = (decoded.additionals ?? []).filter(isOpt);
  const opt = opts[0];
  if (opts.length > 1) return fail(ResponseCode.FORMAT_ERROR);
  const flags = decoded.flags ?? 0;
  const query: Query = {
    id,
    question: bytes.slice(message.HEADER_LEN, end),
    name: question.name === '.' ? '' : question.name.toLowerCase(),
    type: question.type,
    isRecursionDesired: (flags & RECURSION_DESIRED) !== 0,
    isCheckingDisabled: (flags & CHECKING_DISABLED) !== 0,
    edns: opt && {
      payloadBytes: opt.udpPayloadSize,
      isDnssecOk: (opt.flags & OPT_DNSSEC_OK) !== 0,
    },
  };
  const answered = (outcome: Outcome): Decision => ({
    kind: 'reply',
    query,
    bytes: reply(query, outcome),
  });
  if (opt !== undefined && opt.ednsVersion !== 0) {
    return answered({ code: ResponseCode.BAD_VERSION });
  }
  if (question.class !== 'IN' || TRANSFERS.has(query.type)) {
    return answered({ code: ResponseCode.REFUSED });
  }
  const own = ownAnswer(query, names);
  if (own !== undefined) return answered({ ...own, isAuthoritative: true });
  if (query.isRecursionDesired) return { kind: 'forward', query };
  return answered({ code: ResponseCode.REFUSED });
}

/** An answer that names what went wrong, to whoever reads extended errors. */
export function failure(query: Query, code: number, error: ExtendedErrorInfo): Uint8Array {
  return reply(query, { code, error });
}

/** UDP payload the client takes. */
export function payloadBytesMax(query: Query | undefined): number {
  const offered = query?.edns?.payloadBytes ?? DNS_UDP_BYTES_PLAIN;
  return Math.min(DNS_UDP_BYTES_MAX, Math.max(DNS_UDP_BYTES_PLAIN, offered));
}

interface Outcome {
  readonly code: number;
  readonly isAuthoritative?: boolean;
  readonly answers?: readonly dnsPacket.Answer[];
  readonly authorities?: readonly dnsPacket.Answer[];
  readonly error?: ExtendedErrorInfo;
}

/** Undefined: the name is none of this network's. */
function ownAnswer(query: Query, names: NetworkNames): Outcome | undefined {
  const { name } = query;
  const { domain } = names;
  if (domain !== '' && isBelow(name, domain)) return answerIn(domain, query, names);
  if (isBelow(name, ROOT_DOMAIN)) return negative(ROOT_DOMAIN, ResponseCode.NAME_ERROR);
  const address = reversed(name);
  if (address === undefined || !names.has(address)) return undefined;
  const label = names.labelOf(address);
  const zone = domain === '' ? ROOT_DOMAIN : domain;
  if (label === undefined) return negative(zone, ResponseCode.NAME_ERROR);
  if (!asksFor(query, 'PTR')) return negative(zone, ResponseCode.NO_ERROR);
  return found([
    { type: 'PTR', name, ttl: DNS_NAME_TTL_SEC, class: 'IN', data: `${label}.${domain}` },
  ]);
}

function answerIn(domain: string, query: Query, names: NetworkNames): Outcome {
  const { name } = query;
  if (name === domain) {
    const apex = [soaOf(domain), nsOf(domain)].filter(({ type }) => asksFor(query, type));
    return apex.length > 0 ? found(apex) : negative(domain, ResponseCode.NO_ERROR);
  }
  const addresses = names.addressesOf(name.slice(0, -domain.length - 1));
  if (addresses === undefined) return negative(domain, ResponseCode.NAME_ERROR);
  const answers = addresses.slice(0, DNS_RECORDS_MAX).flatMap((data): dnsPacket.Answer[] => {
    const type = data.includes(':') ? 'AAAA' : 'A';
    return asksFor(query, type) ? [{ type, name, ttl: DNS_NAME_TTL_SEC, class: 'IN', data }] : [];
  });
  return answers.length > 0 ? found(answers) : negative(domain, ResponseCode.NO_ERROR);
}

function asksFor(query: Query, type: string): boolean {
  return query.type === type || query.type === 'ANY';
}

function found(answers: readonly dnsPacket.Answer[]): Outcome {
  return { code: ResponseCode.NO_ERROR, answers };
}

/** NXDOMAIN or NODATA, with the SOA that says how long to remember it (RFC 2308 §2). */
function negative(zone: string, code: number): Outcome {
  return { code, authorities: [soaOf(zone)] };
}

function soaOf(zone: string): dnsPacket.Answer {
  return {
    type: 'SOA',
    name: zone,
    ttl: DNS_NAME_TTL_SEC,
    class: 'IN',
    data: {
      mname: `ns.${ROOT_DOMAIN}`,
      rname: `hostmaster.${ROOT_DOMAIN}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: DNS_NAME_TTL_SEC,
    },
  };
}

function nsOf(zone: string): dnsPacket.Answer {
  const data = `ns.${ROOT_DOMAIN}`;
  return { type: 'NS', name: zone, ttl: DNS_NAME_TTL_SEC, class: 'IN', data };
}

function isBelow(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** The address a reverse name stands for (RFC 1035 §3.5, RFC 3596 §2.5), as text; undefined for other names. */
function reversed(name: string): string | undefined {
  const labels = name.split('.').reverse();
  const [arpa, family, ...parts] = labels;
  if (arpa !== 'arpa') return undefined;
  let text: string | undefined;
  if (family === 'in-addr' && parts.length === 4) text = parts.join('.');
  if (family === 'ip6' && parts.length === 32 && parts.every((part) => /^[0-9a-f]$/.test(part))) {
    text = parts.join('').match(/.{4}/g)?.join(':');
  }
  const words = text === undefined ? undefined : parseIpWords(text);
  if (words === undefined || (family === 'ip6' && isIpv4Words(words))) return undefined;
  return formatIpWords(words);
}

function reply(query: Query, outcome: Outcome): Uint8Array {
  const { code, isAuthoritative = false, answers = [], authorities = [], error } = outcome;
  const { edns } = query;
  const flags =
    (isAuthoritative ? AUTHORITATIVE_ANSWER : 0) |
    (query.isRecursionDesired ? RECURSION_DESIRED : 0) |
    (query.isCheckingDisabled ? CHECKING_DISABLED : 0) |
    RECURSION_AVAILABLE |
    (code & 0xf);
  const bytes: Uint8Array = dnsPacket.encode({
    type: 'response',
    id: query.id,
    flags,
    answers: [...answers],
    authorities: [...authorities],
    additionals: edns === undefined ? [] : [optRecord(code, edns.isDnssecOk, error)],
  });
  return withQuestion(bytes, query.question);
}

function optRecord(
  code: number,
  isDnssecOk: boolean,
  error: ExtendedErrorInfo | undefined,
): dnsPacket.OptAnswer {
  const info =
    error && Buffer.from([error.code >>> 8, error.code & 0xff, ...Buffer.from(error.text)]);
  const options = info === undefined ? [] : [{ code: EXTENDED_ERROR_OPTION, data: info }];
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: DNS_UDP_BYTES_MAX,
    extendedRcode: code >>> 4,
    ednsVersion: 0,
    flags: isDnssecOk ? OPT_DNSSEC_OK : 0,
    flag_do: isDnssecOk,
    // The library's types name no option 15, which it encodes as any other.
    options: options as unknown as dnsPacket.OptAnswer['options'],
  };
}

/** A message encoded without a question gets that of the client, byte for byte: names may be in any case and of any bytes. */
function withQuestion(bytes: Uint8Array, question: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length + question.length);
  whole.set(bytes.subarray(0, message.HEADER_LEN));
  whole.set(question, message.HEADER_LEN);
  whole.set(bytes.subarray(message.HEADER_LEN), message.HEADER_LEN + question.length);
  whole[5] = 1;
  return whole;
}

function bareFailure(id: number, code: number): Uint8Array {
  return dnsPacket.encode({ type: 'response', id, flags: code & 0xf });
}

function decode(bytes: Uint8Array): dnsPacket.DecodedPacket | undefined {
  try {
    return dnsPacket.decode(Buffer.from(bytes));
  } catch {
    // Whatever the decoder stumbles over is a malformed message.
    return undefined;
  }
}

function isOpt(answer: dnsPacket.Answer): answer is dnsPacket.OptAnswer {
  return answer.type === 'OPT';
}
