/** The registered types hold together, and a descriptor that contradicts its schema does not start. */
import test from 'ava';
import Type from 'typebox';
import { ERROR_CODES } from '../../../../controller/northbound/error-codes.ts';
import { openApiDocument } from '../../../../controller/northbound/openapi.ts';
import { createRegistry } from '../../../../controller/northbound/registry.ts';
import type { ResourceType } from '../../../../controller/northbound/resource-type.ts';
import { RESOURCE_TYPES } from '../../../../controller/northbound/resource-types.ts';
import { Reference } from '../../../../schema/northbound/property-types.ts';

const registry = createRegistry(RESOURCE_TYPES);

test('every back-reference that a rule fills is a property of its target', (t) => {
  for (const type of registry.all) {
    for (const { property, backReference } of type.type.references ?? []) {
      for (const target of type.referenceTargets.get(property) ?? []) {
        const registered = registry.byKey(target.toLowerCase());
        if (registered === undefined || backReference === undefined) continue;
        const known = Object.keys(registered.type.schema.properties).includes(backReference);
        t.true(known, `${target}.${backReference}`);
      }
    }
  }
});

test('a reference in a schema without a rule, and a rule without a reference, are bugs', (t) => {
  const base: ResourceType = { collection: 'a', section: '', summary: '', schema: Type.Object({}) };
  const referring = Type.Object({ b: Type.Optional(Reference(['b'])) });
  t.throws(() => createRegistry([{ ...base, schema: referring }]));
  t.throws(() =>
    createRegistry([{ ...base, references: [{ property: 'b', inUse: 'ResourceInUse' }] }]),
  );
  t.throws(() => createRegistry([base, base]));
  const clash = {
    ...base,
    schema: Type.Object({ c: Type.String() }),
    children: [{ ...base, collection: 'c' }],
  };
  t.throws(() => createRegistry([clash]));
});

test('the OpenAPI document has a path for every collection and resource, and resolves its own references', (t) => {
  const document = openApiDocument(registry, '1.0.0');
  const text = JSON.stringify(document);
  const schemas = Object.keys(Object(document['components']).schemas);
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    t.true(schemas.includes(name), name);
  }
  const plain = Object.keys(Object(document['paths'])).map((path) =>
    path.replaceAll(/\/\{[^}]+\}/g, ''),
  );
  for (const { path, type } of registry.all) {
    const own = [`/${path}`, `/${path}/${type.singletonId}`];
    const found = plain.filter((each) => own.includes(each));
    t.is(found.length, 2, `${path}: the collection and its resources`);
  }
});

test('the closed list has the 203 codes of §3.1.5.35, each once', (t) => {
  t.is(ERROR_CODES.length, 203);
  t.is(new Set(ERROR_CODES).size, 203);
});
