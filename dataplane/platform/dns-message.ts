/**
 * DNS messages as bytes — RFC 1035 §4.1: header 12, question, records. What passes through (a forwarder's answer) keeps its bytes, so that
 * record types unknown here survive; only identifier, question and TTLs are touched. Messages made here are encoded by dns-packet.
 *
 *   0    2       4         6         8         10        12
 *   | id | flags | qdcount | ancount | nscount | arcount | name type 2 class 2 | records: name type 2 class 2 ttl 4 length 2 data …
 *
 * Called by dns-answers, dns-forwarder.
 */
export const HEADER_LEN = 12;
export const TYPE_OPT = 41;
const TYPE_SOA = 6;
const NAME_LEN_MAX = 255;
const LABEL_LEN_MAX = 63;
const POINTER = 0xc0;
const TRUNCATED = 0x0200;
const RESPONSE = 0x8000;

/** Offset after the one question of a message, whose name is not compressed; undefined when there is none such. */
export function questionEnd(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEADER_LEN || word(bytes, 4) !== 1) return undefined;
  let at = HEADER_LEN;
  for (let len = bytes[at]; len !== 0; len = bytes[at]) {
    if (len === undefined || len > LABEL_LEN_MAX) return undefined;
    at += 1 + len;
    if (at - HEADER_LEN >= NAME_LEN_MAX) return undefined;
  }
  return at + 5 <= bytes.length ? at + 5 : undefined;
}

export function identifier(bytes: Uint8Array): number {
  return word(bytes, 0);
}

export function setIdentifier(bytes: Uint8Array, id: number): void {
  bytes[0] = id >>> 8;
  bytes[1] = id & 0xff;
}

export function isResponse(bytes: Uint8Array): boolean {
  return (word(bytes, 2) & RESPONSE) !== 0;
}

export function isTruncated(bytes: Uint8Array): boolean {
  return (word(bytes, 2) & TRUNCATED) !== 0;
}

/** Without the extended part. */
export function responseCode(bytes: Uint8Array): number {
  return word(bytes, 2) & 0xf;
}

/** The message without its records, marked as truncated: what a client asks again about over TCP. `end` from questionEnd. */
export function truncated(bytes: Uint8Array, end: number): Uint8Array {
  const short = bytes.slice(0, end);
  short.fill(0, 6, HEADER_LEN);
  const flags = word(short, 2) | TRUNCATED;
  short[2] = flags >>> 8;
  short[3] = flags & 0xff;
  return short;
}

/** Two questions as bytes are the same if their names are in another case at most. */
export function isSameQuestion(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => lower(byte) === lower(b[at] ?? 0));
}

/** Lower-case letters where there are upper-case ones: lengths are below 64, so no length is taken for a letter. */
export function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

export interface RecordPlace {
  readonly type: number;
  readonly ttlAt: number;
  /** In the answer (0), authority (1) or additional (2) section. */
  readonly section: number;
  readonly dataAt: number;
  readonly dataEnd: number;
}

/** Where the records after the question are; undefined for a malformed message. */
export function records(bytes: Uint8Array): RecordPlace[] | undefined {
  let at = questionEnd(bytes);
  if (at === undefined) return undefined;
  const places: RecordPlace[] = [];
  for (const section of [0, 1, 2]) {
    const count = word(bytes, 6 + section * 2);
    for (let index = 0; index < count; index += 1) {
      const nameEnd: number | undefined = skipName(bytes, at);
      if (nameEnd === undefined || nameEnd + 10 > bytes.length) return undefined;
      const dataAt: number = nameEnd + 10;
      const dataEnd = dataAt + word(bytes, nameEnd + 8);
      if (dataEnd > bytes.length) return undefined;
      places.push({ type: word(bytes, nameEnd), ttlAt: nameEnd + 4, section, dataAt, dataEnd });
      at = dataEnd;
    }
  }
  return places;
}

/** Seconds the answer may be kept (RFC 2308 §5 for a negative one); 0: not at all. */
export function lifetimeSec(bytes: Uint8Array, places: readonly RecordPlace[]): number {
  const answers = places.filter(({ section, type }) => section === 0 && type !== TYPE_OPT);
  const ttl = ({ ttlAt }: RecordPlace) => long(bytes, ttlAt);
  if (answers.length > 0) return Math.min(...answers.map(ttl));
  const soa = places.find(({ section, type }) => section === 1 && type === TYPE_SOA);
  if (soa === undefined || soa.dataEnd - soa.dataAt < 22) return 0;
  return Math.min(ttl(soa), long(bytes, soa.dataEnd - 4));
}

/** Takes `sec` off every TTL of a message. */
export function age(bytes: Uint8Array, places: readonly RecordPlace[], sec: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { type, ttlAt } of places) {
    if (type !== TYPE_OPT) view.setUint32(ttlAt, Math.max(0, view.getUint32(ttlAt) - sec));
  }
}

/** Offset after the name at `at`, compressed or not. */
function skipName(bytes: Uint8Array, at: number): number | undefined {
  for (let offset = at; ; ) {
    const len = bytes[offset];
    if (len === undefined) return undefined;
    if (len === 0) return offset + 1;
    if (len >= POINTER) return offset + 2;
    if (len > LABEL_LEN_MAX) return undefined;
    offset += 1 + len;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function long(bytes: Uint8Array, at: number): number {
  return word(bytes, at) * 0x1_0000 + word(bytes, at + 2);
}
