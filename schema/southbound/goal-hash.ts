/**
 * The hash of a goal state, defined once for the controller and every target. Both keep it up to date in constant time per
 * changed resource, so that a target that comes back can prove with 32 bytes that it holds what it should.
 *
 * Definition. A resource's digest is SHA-256 over its protobuf bytes as they were sent, without field 2 (`version`): the
 * same content hashes the same after a restart of the controller, and a field that this reader's proto does not know
 * counts like any other. The hash of a goal state is the sum of its resources' digests, each taken as eight 32-bit
 * little-endian lanes added modulo 2^32: independent of order, and what was added can be taken out again. Keys are unique
 * within a goal state and both ends are authenticated, so the sum guards against loss and corruption, not against forgery.
 */
import { hash } from 'node:crypto';
import { SdnError } from '../../base/errors.ts';

/** Bytes of a digest and of a hash. */
export const GOAL_HASH_LEN = 32;

/** `version` of `Resource` in weft.proto. */
const VERSION_FIELD = 2;
const VERSION_TAG = VERSION_FIELD << 3;

/** A mutable sum over the digests of one goal state; starts as the hash of an empty one. */
export interface GoalHash {
  add(digest: Uint8Array): void;
  subtract(digest: Uint8Array): void;
  /** A copy of the hash as it stands, 32 bytes. */
  bytes(): Uint8Array;
}

export function goalHash(initial?: Uint8Array): GoalHash {
  const lanes = new DataView(new ArrayBuffer(GOAL_HASH_LEN));
  if (initial !== undefined) new Uint8Array(lanes.buffer).set(initial);
  return {
    add: (digest) => accumulate(lanes, digest, 1),
    subtract: (digest) => accumulate(lanes, digest, -1),
    bytes: () => new Uint8Array(lanes.buffer.slice(0)),
  };
}

/** Digest of one resource's wire bytes. Throws SdnError SDN_SOUTHBOUND_MALFORMED where the bytes are no protobuf message. */
export function resourceDigest(bytes: Uint8Array): Uint8Array {
  return hash('sha256', withoutVersion(bytes), 'buffer');
}

/** The wire bytes of a resource whose `content` was encoded without a version. Field order is free in protobuf. */
export function withVersion(content: Uint8Array, version: number): Uint8Array {
  const tail: number[] = [VERSION_TAG];
  let rest = version;
  while (rest >= 0x80) {
    tail.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  tail.push(rest);
  const bytes = new Uint8Array(content.length + tail.length);
  bytes.set(content);
  bytes.set(tail, content.length);
  return bytes;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}

function accumulate(lanes: DataView, digest: Uint8Array, sign: 1 | -1): void {
  const addend = new DataView(digest.buffer, digest.byteOffset, GOAL_HASH_LEN);
  for (let at = 0; at < GOAL_HASH_LEN; at += 4) {
    lanes.setUint32(at, lanes.getUint32(at, true) + sign * addend.getUint32(at, true), true);
  }
}

/** Walks the top-level fields (protobuf encoding guide: varint, fixed64, length-delimited, fixed32) and leaves out one. */
function withoutVersion(bytes: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let keptFrom = 0;
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    const end = fieldEnd(bytes, tag.end, tag.value % 8);
    if (Math.floor(tag.value / 8) === VERSION_FIELD) {
      kept.push(bytes.subarray(keptFrom, at));
      keptFrom = end;
    }
    at = end;
  }
  if (keptFrom === 0) return bytes;
  kept.push(bytes.subarray(keptFrom));
  return kept.length === 2 && keptFrom === bytes.length ? (kept[0] ?? bytes) : Buffer.concat(kept);
}

function fieldEnd(bytes: Uint8Array, at: number, wireType: number): number {
  let end: number;
  if (wireType === 0) end = readVarint(bytes, at).end;
  else if (wireType === 1) end = at + 8;
  else if (wireType === 5) end = at + 4;
  else if (wireType === 2) {
    const len = readVarint(bytes, at);
    end = len.end + len.value;
  } else throw malformed(`wire type ${wireType}`);
  if (end > bytes.length) throw malformed('truncated field');
  return end;
}

function readVarint(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let at = from; at < bytes.length && at < from + 10; at++) {
    const octet = bytes[at] ?? 0;
    value += (octet & 0x7f) * scale;
    if (octet < 0x80) return { value, end: at + 1 };
    scale *= 0x80;
  }
  throw malformed('unterminated varint');
}

function malformed(what: string): SdnError {
  return new SdnError('SDN_SOUTHBOUND_MALFORMED', `a goal-state resource is not readable: ${what}`);
}
