/**
 * Boxes of packets as people and rules write them, and as diagrams compute with them. A field's values become *edges*: ascending bounds at
 * which membership changes, the first one inwards; a last inward edge without an outward one lasts to the end of the field. Called by
 * base/header-space and base/header-diagram.
 */
import { type Family, familyBits, type IpRange } from './ip-range.ts';

/** Both ends belong to it. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

/** A product: each packet whose every field lies in one of the field's ranges. Undefined: every value; an empty list: none. */
export interface HeaderBox {
  readonly family: Family;
  /** 0 … 255 */
  readonly protocols?: readonly NumberRange[] | undefined;
  /** 0 … 65,535 */
  readonly destinationPorts?: readonly NumberRange[] | undefined;
  readonly sourcePorts?: readonly NumberRange[] | undefined;
  readonly destinations?: readonly IpRange[] | undefined;
  readonly sources?: readonly IpRange[] | undefined;
}

/** One packet, as far as rules look at it. */
export interface HeaderPoint {
  readonly family: Family;
  readonly protocol: number;
  readonly destinationPort: number;
  readonly sourcePort: number;
  readonly destination: bigint;
  readonly source: bigint;
}

/** A value, or the end of values, of a field: addresses of IPv6 are bigints, all else numbers; within one field always the same. */
export type Bound = number | bigint;
export type Edges = readonly Bound[];

/** Order of the levels of a diagram. Family comes first, since it says what an address is. */
export const Field = {
  FAMILY: 0,
  PROTOCOL: 1,
  DESTINATION_PORT: 2,
  SOURCE_PORT: 3,
  DESTINATION: 4,
  SOURCE: 5,
} as const;
export const FIELD_COUNT = 6;

const PROTOCOL_END = 0x100;
const PORT_END = 0x1_0000;
const EVERYTHING: Edges = [0];

/** Edges of every field, by Field; undefined if the box is empty. */
export function edgesOfBox(box: HeaderBox): readonly Edges[] | undefined {
  const { family } = box;
  const edges = [
    family === 4 ? [0, 1] : [1],
    numberEdges(box.protocols, PROTOCOL_END),
    numberEdges(box.destinationPorts, PORT_END),
    numberEdges(box.sourcePorts, PORT_END),
    addressEdges(box.destinations, family),
    addressEdges(box.sources, family),
  ];
  return edges.some((list) => list.length === 0) ? undefined : edges;
}

/** Values of a packet, by Field. */
export function valuesOfPoint(point: HeaderPoint): readonly Bound[] {
  const { family } = point;
  return [
    family === 4 ? 0 : 1,
    point.protocol,
    point.destinationPort,
    point.sourcePort,
    addressBound(point.destination, family),
    addressBound(point.source, family),
  ];
}

/** The box with its field restricted to `edges`. */
export function restricted(box: HeaderBox, field: number, edges: Edges): HeaderBox {
  if (isEverything(edges)) return box;
  switch (field) {
    case Field.PROTOCOL:
      return { ...box, protocols: numberRanges(edges, PROTOCOL_END) };
    case Field.DESTINATION_PORT:
      return { ...box, destinationPorts: numberRanges(edges, PORT_END) };
    case Field.SOURCE_PORT:
      return { ...box, sourcePorts: numberRanges(edges, PORT_END) };
    case Field.DESTINATION:
      return { ...box, destinations: addressRanges(edges, box.family) };
    case Field.SOURCE:
      return { ...box, sources: addressRanges(edges, box.family) };
    default:
      return box;
  }
}

export function isEverything(edges: Edges): boolean {
  return edges.length === 1 && Number(edges[0]) === 0;
}

function numberEdges(ranges: readonly NumberRange[] | undefined, end: number): Edges {
  if (ranges === undefined) return EVERYTHING;
  return edgesOf(
    ranges.map(({ from, to }) => [from, to + 1] as const),
    0,
    end,
  );
}

function addressEdges(ranges: readonly IpRange[] | undefined, family: Family): Edges {
  if (ranges === undefined) return family === 4 ? EVERYTHING : [0n];
  const bound = (value: bigint) => addressBound(value, family);
  return edgesOf(
    ranges.map(({ from, to }) => [bound(from), bound(to + 1n)] as const),
    bound(0n),
    bound(addressEnd(family)),
  );
}

/** Edges of the union of half-open spans. */
function edgesOf(spans: readonly (readonly [Bound, Bound])[], start: Bound, end: Bound): Edges {
  const sorted = spans
    .filter(([from, to]) => from < to && from < end)
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const edges: Bound[] = [];
  for (const [from, to] of sorted) {
    const inwards = from < start ? start : from;
    const last = edges.at(-1);
    if (last === undefined || inwards > last) edges.push(inwards, to);
    else if (to > last) edges[edges.length - 1] = to;
  }
  const last = edges.at(-1);
  if (last !== undefined && last >= end) edges.pop();
  return edges;
}

function addressBound(value: bigint, family: Family): Bound {
  return family === 4 ? Number(value) : value;
}

function addressEnd(family: Family): bigint {
  return 1n << BigInt(familyBits(family));
}

function numberRanges(edges: Edges, end: number): NumberRange[] {
  return spansOf(edges, end).map(([from, to]) => ({ from: Number(from), to: Number(to) - 1 }));
}

function addressRanges(edges: Edges, family: Family): IpRange[] {
  return spansOf(edges, addressEnd(family)).map(([from, to]) => ({
    from: BigInt(from),
    to: BigInt(to) - 1n,
  }));
}

function spansOf(edges: Edges, end: Bound): [Bound, Bound][] {
  const spans: [Bound, Bound][] = [];
  for (let at = 0; at < edges.length; at += 2) {
    spans.push([edges[at] ?? end, edges[at + 1] ?? end]);
  }
  return spans;
}
