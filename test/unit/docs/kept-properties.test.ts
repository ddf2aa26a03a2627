/** docs/design/0020 names every property that changes nothing, and none that does; docs/api.md says it of each. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import type { TSchema } from 'typebox';
import { createRegistry } from '../../../controller/northbound/registry.ts';
import { RESOURCE_TYPES } from '../../../controller/northbound/resource-types.ts';
import { shapeOf } from '../../../schema/northbound/read-properties.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

const read = (path: string): string => readFileSync(new URL(path, REPOSITORY), 'utf8');

function keptIn(schema: TSchema, prefix = ''): string[] {
  return Object.entries(shapeOf(schema).properties ?? {}).flatMap(([name, property]) => {
    const shape = shapeOf(property);
    const path = `${prefix}${name}`;
    if (shape['x-kept'] === true) return [path];
    return shape.items === undefined
      ? keptIn(property, `${path}.`)
      : keptIn(shape.items, `${path}[].`);
  });
}

const TYPES = createRegistry(RESOURCE_TYPES).all.map(({ path, type }) => ({
  path,
  kept: keptIn(type.schema),
}));

test('the design record lists what is kept without effect', (t) => {
  const rows = read('docs/design/0020-properties-without-effect.md').matchAll(
    /^\| ([A-Za-z/]+) \| (`.*`) \| .+ \|$/gm,
  );
  const listed = [...rows].flatMap(([, type, names = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => `${type} ${name}`),
  );
  const inSchemas = TYPES.flatMap(({ path, kept }) => kept.map((name) => `${path} ${name}`));
  t.deepEqual(listed.sort(), inSchemas.sort());
});

test('the reference says of each that it changes nothing', (t) => {
  const reference = read('docs/api.md');
  for (const { path, kept } of TYPES) {
    const section = reference.split(`\n### ${path}\n`)[1]?.split('\n### ')[0] ?? '';
    for (const name of kept) {
      const row = section.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
      t.regex(row ?? '', /changes nothing: /, `${path} ${name}`);
    }
  }
});
