/** Questions are checked by data that are made from their TypeBox schemas: the data are current, and refuse what the schemas refuse. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import type Type from 'typebox';
import { BGP_DIAGNOSTICS } from '../../../schema/southbound/diagnostics/bgp.ts';
import { EDGE_DIAGNOSTICS } from '../../../schema/southbound/diagnostics/edge.ts';
import { DIAGNOSTICS, mismatch } from '../../../schema/southbound/diagnostics/methods.ts';
import { QUESTION_SHAPES } from '../../../schema/southbound/diagnostics/question-shapes.ts';
import { type Shape, shapeFault } from '../../../schema/southbound/diagnostics/shape.ts';
import { MUX_DIAGNOSTICS } from '../../../schema/southbound/diagnostics/slb.ts';
import { generateQuestionShapes } from '../../../tools/generate-question-shapes.ts';

const METHODS: Readonly<Record<string, { readonly question: Type.TSchema }>> = {
  ...DIAGNOSTICS,
  ...BGP_DIAGNOSTICS,
  ...EDGE_DIAGNOSTICS,
  ...MUX_DIAGNOSTICS,
};
const SHAPES: Readonly<Record<string, Shape>> = QUESTION_SHAPES;

test('the shapes of questions are those of their schemas (npm run generate)', (t) => {
  const committed = readFileSync('schema/southbound/diagnostics/question-shapes.ts', 'utf8');
  t.is(committed, generateQuestionShapes());
});

test('a question is refused exactly where TypeBox refuses it', (t) => {
  let accepted = 0;
  for (const [method, { question }] of Object.entries(METHODS)) {
    const shape = SHAPES[method] ?? {};
    fc.assert(
      fc.property(almost(shape), (value) => {
        const fault = shapeFault(shape, value);
        if (fault === undefined) accepted += 1;
        return (fault === undefined) === (mismatch(question, value) === undefined);
      }),
      { numRuns: 60 },
    );
  }
  t.true(accepted > Object.keys(METHODS).length, 'some were right');
});

test('what is wrong is said with its place', (t) => {
  const { flows, probe, providerPing, trace, captures } = QUESTION_SHAPES;
  t.is(shapeFault(flows, { limit: 1 }), undefined);
  t.is(shapeFault(flows, { limit: 0 }), '/limit must be >= 1');
  t.is(shapeFault(flows, { limit: 1.5 }), '/limit must be integer');
  t.is(shapeFault(flows, { limit: 1, more: 1 }), '/more is no property that is known');
  t.is(shapeFault(flows, { limit: 1, toString: 1 }), '/toString is no property that is known');
  t.is(shapeFault(captures, null), 'the body must be object');
  t.is(shapeFault(captures, []), 'the body must be object');
  t.is(shapeFault(trace, {}), 'the body must have required properties portId, packet');
  const packet = { source: '10.0.0.4', destination: '10.0.0.5', protocol: 5, id: 61_440 };
  t.is(shapeFault(probe, { portId: 'p', packet, timeoutMs: 1 }), '/packet/protocol must be 1');
  const long = '\u{1f600}'.repeat(64);
  t.is(shapeFault(providerPing, { destination: long, timeoutMs: 1 }), undefined);
  t.is(
    shapeFault(providerPing, { destination: `${long}a`, timeoutMs: 1 }),
    '/destination must not have more than 64 characters',
  );
});

/** JSON of the shape in most places: elsewhere a bound is crossed, a property is absent or unknown, or it is something else altogether. */
function almost(shape: Shape): fc.Arbitrary<unknown> {
  const anything = { weight: 1, arbitrary: fc.jsonValue() };
  return fc.oneof({ weight: 24, arbitrary: like(shape) }, anything);
}

function like(shape: Shape): fc.Arbitrary<unknown> {
  const { anyOf, type, minimum = -1, maximum = 99, maxLength = 9 } = shape;
  if (anyOf !== undefined) return fc.oneof(...anyOf.map(almost));
  if (shape.const !== undefined) return fc.constant(shape.const);
  switch (type) {
    case 'integer':
      return fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: minimum, max: maximum }) },
        { weight: 1, arbitrary: fc.constantFrom(minimum - 1, maximum + 1, minimum + 0.5) },
      );
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return fc.nat({ max: maxLength + (maxLength >> 3) }).map((length) => 'x'.repeat(length));
    default:
      return objectLike(shape);
  }
}

function objectLike({ properties = {}, required = [] }: Shape): fc.Arbitrary<unknown> {
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, almost(each)])),
    { requiredKeys: [...required] },
  );
  return fc.oneof(
    { weight: 16, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, fc.jsonValue()).map(([a, b]) => ({ ...a, extra: b })) },
    {
      weight: 1,
      arbitrary: known.map((value) => Object.fromEntries(Object.entries(value).slice(1))),
    },
  );
}
