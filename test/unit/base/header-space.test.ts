/** Header space: sets of packets agree with brute force over every class of packet that the boxes tell apart. */
import test from 'ava';
import fc from 'fast-check';
import type { HeaderBox, HeaderPoint, NumberRange } from '../../../base/header-box.ts';
import { HeaderSpaceError } from '../../../base/header-diagram.ts';
import { type HeaderRule, HeaderSpace } from '../../../base/header-space.ts';
import type { Family, IpRange } from '../../../base/ip-range.ts';

// Boxes begin and end at these values only, so packets at them stand for all others.
const NUMBERS = [0, 5, 6, 7] as const;
const IPV4 = [0n, 9n, 10n, (1n << 32n) - 1n] as const;
const IPV6 = [0n, 1n << 64n, (1n << 64n) + 1n, (1n << 128n) - 1n] as const;
const NUMBER_MAX = { protocols: 255, ports: 65_535 };

function points(): HeaderPoint[] {
  return ([4, 6] as const).flatMap((family) =>
    NUMBERS.flatMap((protocol) =>
      NUMBERS.flatMap((destinationPort) =>
        NUMBERS.flatMap((sourcePort) =>
          addresses(family).flatMap((destination) =>
            addresses(family).map((source) => {
              const ports = { protocol, destinationPort, sourcePort };
              return { family, ...ports, destination, source };
            }),
          ),
        ),
      ),
    ),
  );
}

function addresses(family: Family): readonly bigint[] {
  return family === 4 ? IPV4 : IPV6;
}

const POINTS = points();

function contains(box: HeaderBox, point: HeaderPoint): boolean {
  const within = <T extends number | bigint>(
    ranges: readonly { readonly from: T; readonly to: T }[] | undefined,
    value: T,
  ) => ranges === undefined || ranges.some(({ from, to }) => from <= value && value <= to);
  return (
    box.family === point.family &&
    within<number>(box.protocols, point.protocol) &&
    within<number>(box.destinationPorts, point.destinationPort) &&
    within<number>(box.sourcePorts, point.sourcePort) &&
    within<bigint>(box.destinations, point.destination) &&
    within<bigint>(box.sources, point.source)
  );
}

function numberRanges(end: number): fc.Arbitrary<readonly NumberRange[] | undefined> {
  const range = fc
    .tuple(fc.nat(NUMBERS.length - 1), fc.nat(NUMBERS.length))
    .map(([from, to]) => ({ from: NUMBERS[from] ?? 0, to: (NUMBERS[to] ?? end + 1) - 1 }));
  return fc.option(fc.array(range, { maxLength: 3 }), { nil: undefined });
}

function ipRanges(family: Family): fc.Arbitrary<readonly IpRange[] | undefined> {
  const values = addresses(family);
  const end = values.at(-1) ?? 0n;
  const range = fc
    .tuple(fc.nat(values.length - 1), fc.nat(values.length))
    .map(([from, to]) => ({ from: values[from] ?? 0n, to: (values[to] ?? end + 1n) - 1n }));
  return fc.option(fc.array(range, { maxLength: 3 }), { nil: undefined });
}

const BOX: fc.Arbitrary<HeaderBox> = fc.constantFrom(4 as const, 6 as const).chain((family) =>
  fc.record({
    family: fc.constant(family),
    protocols: numberRanges(NUMBER_MAX.protocols),
    destinationPorts: numberRanges(NUMBER_MAX.ports),
    sourcePorts: numberRanges(NUMBER_MAX.ports),
    destinations: ipRanges(family),
    sources: ipRanges(family),
  }),
);
const BOXES = fc.array(BOX, { maxLength: 4 });
const RULES: fc.Arbitrary<readonly HeaderRule[]> = fc.array(
  fc.record({ permits: fc.boolean(), boxes: fc.array(BOX, { maxLength: 2 }) }),
  { maxLength: 6 },
);

function decision(rules: readonly HeaderRule[], otherwise: boolean, point: HeaderPoint): boolean {
  const rule = rules.find(({ boxes }) => boxes.some((box) => contains(box, point)));
  return rule?.permits ?? otherwise;
}

test('firstMatch: the first rule that matches decides, within bounds or without', (t) => {
  fc.assert(
    fc.property(
      RULES,
      fc.boolean(),
      fc.option(BOXES, { nil: undefined }),
      (rules, otherwise, within) => {
        const space = new HeaderSpace();
        const set = space.firstMatch(rules, otherwise, within);
        const isWithin = (point: HeaderPoint) =>
          within === undefined || within.some((box) => contains(box, point));
        for (const point of POINTS) {
          const expected = isWithin(point) && decision(rules, otherwise, point);
          if (space.has(set, point) !== expected) t.fail(JSON.stringify(point, bigints));
        }
        t.pass();
      },
    ),
    { numRuns: 150 },
  );
});

test('union, intersection and difference agree with those of the packets; equal sets are the same', (t) => {
  fc.assert(
    fc.property(BOXES, BOXES, (left, right) => {
      const space = new HeaderSpace();
      const a = space.of(left);
      const b = space.of(right);
      const union = space.union(a, b);
      const both = space.intersection(a, b);
      const only = space.difference(a, b);
      for (const point of POINTS) {
        const [inA, inB] = [left, right].map((boxes) => boxes.some((box) => contains(box, point)));
        if (space.has(union, point) !== (inA === true || inB === true)) t.fail('union');
        if (space.has(both, point) !== (inA === true && inB === true)) t.fail('intersection');
        if (space.has(only, point) !== (inA === true && inB !== true)) t.fail('difference');
      }
      t.is(union, space.of([...right, ...left]));
      t.is(space.union(only, both), a);
      t.is(space.difference(union, b), only);
      t.is(space.difference(space.all, space.difference(space.all, a)), a);
    }),
    { numRuns: 150 },
  );
});

test('boxes are disjoint, are the set, and are counted when they are too many', (t) => {
  fc.assert(
    fc.property(RULES, fc.boolean(), (rules, otherwise) => {
      const space = new HeaderSpace();
      const set = space.firstMatch(rules, otherwise);
      const { boxes, omitted } = space.boxes(set, Number.POSITIVE_INFINITY);
      t.is(omitted, 0);
      t.is(space.of(boxes), set);
      for (const point of POINTS) {
        const holding = boxes.filter((box) => contains(box, point)).length;
        if (holding !== Number(space.has(set, point))) t.fail(`${holding} boxes hold it`);
      }
      const some = space.boxes(set, 1);
      t.is(some.boxes.length + some.omitted, boxes.length);
      t.deepEqual(some.boxes, boxes.slice(0, 1));
    }),
    { numRuns: 100 },
  );
});

test('everything is one box per family, nothing is none', (t) => {
  const space = new HeaderSpace();
  t.deepEqual(space.boxes(space.all, 9), { boxes: [{ family: 4 }, { family: 6 }], omitted: 0 });
  t.deepEqual(space.boxes(space.none, 9), { boxes: [], omitted: 0 });
  t.is(space.of([{ family: 4 }, { family: 6 }]), space.all);
  t.is(space.of([{ family: 4, protocols: [] }]), space.none);
});

/** `count` rules about pairs of prefixes and ports, as a large tenant has them. */
function manyRules(count: number): HeaderRule[] {
  return Array.from({ length: count }, (_, index) => {
    const from = BigInt(0x0a00_0000 + ((index * 7919) % 4096) * 256);
    return {
      permits: index % 3 !== 0,
      boxes: [
        {
          family: 4,
          protocols: [{ from: index % 2 === 0 ? 6 : 17, to: index % 2 === 0 ? 6 : 17 }],
          destinationPorts: [{ from: (index * 31) % 1000, to: ((index * 31) % 1000) + 10 }],
          sources: [{ from, to: from + 255n }],
        } satisfies HeaderBox,
      ],
    };
  });
}

test('a thousand rules fit the limits; one rule’s difference is exactly its part', (t) => {
  const space = new HeaderSpace();
  const before = manyRules(1000);
  const port = { from: 2000, to: 2000 };
  const added: HeaderRule = {
    permits: true,
    boxes: [{ family: 4, protocols: [{ from: 6, to: 6 }], destinationPorts: [port] }],
  };
  const was = space.firstMatch(before, false);
  const is = space.firstMatch([...before, added], false);
  t.is(space.difference(is, was), space.of(added.boxes));
  t.is(space.difference(was, is), space.none);
});

test('beyond its limits a space refuses, with its code, and never answers in part', (t) => {
  const rules = manyRules(100);
  for (const limits of [{ nodesMax: 20 }, { stepsMax: 200 }]) {
    const error = t.throws(() => new HeaderSpace(limits).firstMatch(rules, false), {
      instanceOf: HeaderSpaceError,
    });
    t.is(error?.code, 'SDN_HEADER_SPACE_TOO_COMPLEX');
  }
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
