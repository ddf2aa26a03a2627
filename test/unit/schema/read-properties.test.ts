/** The one interpreter of request bodies: what it accepts, in which spellings, and that it never drops anything silently. */
import test from 'ava';
import fc from 'fast-check';
import Type, { type TSchema } from 'typebox';
import { NotBuilt, ReadOnly, Reference, Words } from '../../../schema/northbound/property-types.ts';
import { type ReadFault, readObject } from '../../../schema/northbound/read-properties.ts';

function read(schema: TSchema, raw: unknown): { value: unknown; faults: ReadFault[] } {
  const faults: ReadFault[] = [];
  const value = readObject(schema, raw, { path: 'properties', faults });
  return { value, faults };
}

function kinds(schema: TSchema, raw: unknown): string[] {
  return read(schema, raw).faults.map(({ kind, path }) => `${kind} ${path}`);
}

const SCHEMA = Type.Object({
  name: Type.String(),
  count: Type.Optional(Type.Integer({ minimum: 0, maximum: 9, 'x-aliases': ['number'] })),
  flag: Type.Optional(Type.Boolean()),
  mode: Type.Optional(Words(['Fast', 'Slow'])),
  link: Type.Optional(Reference(['things'])),
  list: Type.Optional(Type.Array(Type.Object({ a: Type.Integer() }))),
  future: NotBuilt(Type.Boolean(), false),
  state: ReadOnly(Type.String()),
});

test('names in any case and under aliases, numbers and booleans as text, words in any case', (t) => {
  const { value, faults } = read(SCHEMA, { NAME: 'x', Number: '7', flag: 'TRUE', mode: 'fast' });
  t.deepEqual(faults, []);
  t.deepEqual(value, { name: 'x', count: 7, flag: true, mode: 'Fast' });
});

test('null is absent; read-only is tolerated and dropped; inert values of unbuilt features too', (t) => {
  const { value, faults } = read(SCHEMA, { name: 'x', count: null, state: 'any', future: false });
  t.deepEqual(faults, []);
  t.deepEqual(value, { name: 'x' });
  t.deepEqual(kinds(SCHEMA, { name: null }), ['missing properties.name']);
});

test('each fault names its property', (t) => {
  t.deepEqual(kinds(SCHEMA, { name: 'x', colour: 1 }), ['unknown-property properties.colour']);
  t.deepEqual(kinds(SCHEMA, { name: 7 }), ['wrong-type properties.name']);
  t.deepEqual(kinds(SCHEMA, { name: 'x', count: 10 }), ['bad-value properties.count']);
  t.deepEqual(kinds(SCHEMA, { name: 'x', count: 1.5 }), ['wrong-type properties.count']);
  t.deepEqual(kinds(SCHEMA, { name: 'x', mode: 'none' }), ['bad-value properties.mode']);
  t.deepEqual(kinds(SCHEMA, { name: 'x', future: true }), ['not-built properties.future']);
  t.deepEqual(kinds(SCHEMA, { name: 'x', link: { resourceRef: 'x' } }), [
    'bad-reference properties.link',
  ]);
  t.deepEqual(kinds(SCHEMA, { name: 'x', list: [{ a: 1 }, { a: 'q' }] }), [
    'wrong-type properties.list[1].a',
  ]);
  t.deepEqual(kinds(SCHEMA, { name: 'x', Name: 'y' }), ['bad-value properties.Name']);
  t.deepEqual(kinds(SCHEMA, JSON.parse('{"name":"x","__proto__":1}')), [
    'unknown-property properties.__proto__',
  ]);
  t.deepEqual(kinds(SCHEMA, []), ['wrong-type properties']);
});

test('a reference may be given with the path of a URL', (t) => {
  for (const resourceRef of [
    'things/a',
    '/things/a',
    '/networking/v1/things/a',
    '/Networking/V7.1/things/a',
  ]) {
    const { value } = read(SCHEMA, { name: 'x', link: { resourceRef } });
    t.deepEqual(value, { name: 'x', link: { resourceRef: '/things/a' } });
  }
});

test('whatever is read is either a fault or comes out: nothing vanishes', (t) => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('name', 'count', 'flag', 'mode', 'extra'), fc.jsonValue()),
      (raw) => {
        const { value, faults } = read(SCHEMA, raw);
        for (const [name, given] of Object.entries(raw)) {
          if (given === null) continue;
          const came = Object.keys(Object(value)).includes(name);
          t.true(came || faults.some(({ path }) => path.startsWith(`properties.${name}`)), name);
        }
      },
    ),
  );
  t.pass();
});
