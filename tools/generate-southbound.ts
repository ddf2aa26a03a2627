/**
 * Generates schema/southbound/messages.ts from weft.proto: the descriptor that protobufjs compiles its codecs from, and one
 * TypeScript interface per message, so that a field which is missing or misspelt does not compile.
 *
 * Run by `npm run generate`; a unit test regenerates and compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'boolean',
  uint32: 'number',
  uint64: 'number',
  bytes: 'Uint8Array',
};

export function generateSouthbound(protoText: string): string {
  const { root } = protobuf.parse(protoText, { keepCase: false });
  const namespace = root.lookup('weft.southbound.v1');
  if (!(namespace instanceof protobuf.Namespace))
    throw new Error('package weft.southbound.v1 not found');
  const types = namespace.nestedArray.filter((entry) => entry instanceof protobuf.Type);
  const enums = namespace.nestedArray.filter((entry) => entry instanceof protobuf.Enum);
  return [
    '/** Generated from weft.proto by tools/generate-southbound.ts. Do not edit. */',
    '',
    ...enums.map(enumType),
    ...types.map(messageType),
    `export const DESCRIPTOR = ${JSON.stringify(root.toJSON(), null, 2)} as const;`,
    '',
  ].join('\n');
}

function enumType(entry: protobuf.Enum): string {
  const values = Object.entries(entry.values).map(([name, value]) => `  ${name}: ${value},`);
  return [
    `export const ${entry.name} = {`,
    ...values,
    '} as const;',
    `export type ${entry.name} = (typeof ${entry.name})[keyof typeof ${entry.name}];`,
    '',
  ].join('\n');
}

/** A oneof becomes optional fields, exactly one of which is set. */
function messageType(type: protobuf.Type): string {
  const fields = type.fieldsArray.map((field) => {
    const optional = field.partOf ? '?' : '';
    const scalar = SCALARS[field.type] ?? field.type;
    return `  readonly ${field.name}${optional}: ${field.repeated ? `readonly ${scalar}[]` : scalar};`;
  });
  return [`export interface ${type.name} {`, ...fields, '}', ''].join('\n');
}

const [, script, ...args] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  const folder = args[0] ?? 'schema/southbound';
  writeFileSync(
    `${folder}/messages.ts`,
    generateSouthbound(readFileSync(`${folder}/weft.proto`, 'utf8')),
  );
}
