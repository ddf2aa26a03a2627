/**
 * AS_PATH — RFC 4271 §4.3 b and §5.1.2, four-octet numbers RFC 6793. Confederation segments (RFC 5065) are malformed here: this speaker
 * is no member of one. AS 0 is refused (RFC 7607).
 *
 *   segment: +-----------------+--------------------+-----------------------------+
 *            | Type (1 octet)  | Count (1 octet)    | AS numbers (2 or 4 octets)  |
 *            +-----------------+--------------------+-----------------------------+
 */

/** RFC 6793 §9: stands for a number that has no two-octet form. */
export const AS_TRANS = 23_456;

export const SegmentType = { Set: 1, Sequence: 2, ConfedSequence: 3, ConfedSet: 4 } as const;
export type SegmentType = (typeof SegmentType)[keyof typeof SegmentType];

export interface AsSegment {
  readonly type: SegmentType;
  /** 1 … 255 numbers, 32 bits each. */
  readonly asns: readonly number[];
}
export type AsPath = readonly AsSegment[];

const SEGMENT_COUNT_MAX = 255;

/** Undefined when malformed: unknown or confederation segment, no numbers, a number 0, or a segment that does not fit (RFC 7606 §7.2). */
export function parse(view: DataView, at: number, end: number, asnLen: 2 | 4): AsPath | undefined {
  const path: AsSegment[] = [];
  let next = at;
  while (next < end) {
    if (end - next < 2) return undefined;
    const type = view.getUint8(next);
    const count = view.getUint8(next + 1);
    if (type !== SegmentType.Set && type !== SegmentType.Sequence) return undefined;
    next += 2;
    if (count === 0 || count * asnLen > end - next) return undefined;
    const asns = new Array<number>(count);
    for (let index = 0; index < count; index++, next += asnLen) {
      const asn = asnLen === 4 ? view.getUint32(next) : view.getUint16(next);
      if (asn === 0) return undefined;
      asns[index] = asn;
    }
    path.push({ type, asns });
  }
  return path;
}

/** Writes the path at `at`; returns the offset after it. A number that has no two-octet form becomes AS_TRANS (RFC 6793 §4.2.2). */
export function emit(path: AsPath, asnLen: 2 | 4, out: Uint8Array, at: number): number {
  let next = at;
  for (const { type, asns } of path) {
    out[next++] = type;
    out[next++] = asns.length;
    for (const asn of asns) {
      const value = asnLen === 2 && asn > 0xffff ? AS_TRANS : asn;
      if (asnLen === 4) {
        out[next++] = value >>> 24;
        out[next++] = value >>> 16;
      }
      out[next++] = value >>> 8;
      out[next++] = value;
    }
  }
  return next;
}

/** Length for route selection (§9.1.2.2 a): a set counts as one, confederation segments as none (RFC 5065 §5.3). */
export function selectionLength(path: AsPath): number {
  return path.reduce((sum, segment) => {
    if (segment.type === SegmentType.Sequence) return sum + segment.asns.length;
    return segment.type === SegmentType.Set ? sum + 1 : sum;
  }, 0);
}

export function contains(path: AsPath, asn: number): boolean {
  return path.some((segment) => segment.asns.includes(asn));
}

/** The neighbouring AS: first number of the leftmost sequence. */
export function firstAsn(path: AsPath): number | undefined {
  const [first] = path;
  return first?.type === SegmentType.Sequence ? first.asns[0] : undefined;
}

/** The AS that originated the route: last number, unless the path ends in a set. */
export function originAsn(path: AsPath): number | undefined {
  const last = path.at(-1);
  return last?.type === SegmentType.Sequence ? last.asns.at(-1) : undefined;
}

/** §5.1.2 b: prepends `asn`, `count` times; opens a new segment where the first is full or no sequence. */
export function prepend(path: AsPath, asn: number, count = 1): AsPath {
  let result = path;
  for (let time = 0; time < count; time++) {
    const [first, ...rest] = result;
    const isRoom = first?.type === SegmentType.Sequence && first.asns.length < SEGMENT_COUNT_MAX;
    result = isRoom
      ? [{ type: SegmentType.Sequence, asns: [asn, ...first.asns] }, ...rest]
      : [{ type: SegmentType.Sequence, asns: [asn] }, ...result];
  }
  return result;
}

/**
 * RFC 6793 §4.2.3: the path of a two-octet peer with its AS4_PATH put in place of its tail. An AS4_PATH longer than the path is ignored.
 */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  const leading = selectionLength(path) - selectionLength(as4Path);
  if (leading < 0) return path;
  const head: AsSegment[] = [];
  let wanted = leading;
  for (const segment of path) {
    if (wanted === 0) break;
    if (segment.type === SegmentType.Sequence) {
      const asns = segment.asns.slice(0, wanted);
      head.push({ type: segment.type, asns });
      wanted -= asns.length;
    } else {
      head.push(segment);
      wanted -= 1;
    }
  }
  return joinSequences([...head, ...as4Path]);
}

function joinSequences(path: AsPath): AsPath {
  return path.reduce<AsSegment[]>((joined, segment) => {
    const last = joined.at(-1);
    const fits =
      last?.type === SegmentType.Sequence &&
      segment.type === SegmentType.Sequence &&
      last.asns.length + segment.asns.length <= SEGMENT_COUNT_MAX;
    if (last !== undefined && fits) {
      joined[joined.length - 1] = { type: last.type, asns: [...last.asns, ...segment.asns] };
    } else joined.push(segment);
    return joined;
  }, []);
}

/** `64512 64513 {65000,65001}` */
export function format(path: AsPath): string {
  return path
    .map((segment) => {
      switch (segment.type) {
        case SegmentType.Sequence:
          return segment.asns.join(' ');
        case SegmentType.Set:
          return `{${segment.asns.join(',')}}`;
        case SegmentType.ConfedSequence:
          return `(${segment.asns.join(' ')})`;
        default:
          return `[${segment.asns.join(',')}]`;
      }
    })
    .join(' ');
}
