/**
 * Generates schema/southbound/diagnostics/question-shapes.ts: what the TypeBox schemas of questions say, as data, so that a role which answers
 * questions need not load TypeBox (shape.ts).
 *
 * Run by `npm run generate`; a unit test regenerates and compares.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BGP_DIAGNOSTICS } from '../schema/southbound/diagnostics/bgp.ts';
import { EDGE_DIAGNOSTICS } from '../schema/southbound/diagnostics/edge.ts';
import { DIAGNOSTICS } from '../schema/southbound/diagnostics/methods.ts';
import { SHAPE_KEYWORDS } from '../schema/southbound/diagnostics/shape.ts';
import { MUX_DIAGNOSTICS } from '../schema/southbound/diagnostics/slb.ts';

const METHODS: Readonly<Record<string, { readonly question: object }>> = {
  ...DIAGNOSTICS,
  ...BGP_DIAGNOSTICS,
  ...EDGE_DIAGNOSTICS,
  ...MUX_DIAGNOSTICS,
};

export function generateQuestionShapes(): string {
  const methods = Object.entries(METHODS).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '/** Generated from the schemas of questions by tools/generate-question-shapes.ts. Do not edit. */',
    "import type { Shape } from './shape.ts';",
    '',
    'export type QuestionMethod =',
    `${methods.map(([method]) => `  | '${method}'`).join('\n')};`,
    '',
    'export const QUESTION_SHAPES: Readonly<Record<QuestionMethod, Shape>> = {',
    ...methods.map(([method, { question }]) => `  ${method}: ${shapeText(method, question)},`),
    '};',
    '',
  ].join('\n');
}

function shapeText(method: string, question: object): string {
  const schema: unknown = JSON.parse(JSON.stringify(question));
  refuseUnknown(method, schema as JsonSchema);
  return JSON.stringify(schema);
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

/** Throws where a keyword would be generated that shape.ts does not check. */
function refuseUnknown(method: string, schema: JsonSchema): void {
  const unknown = Object.keys(schema).find((name) => !SHAPE_KEYWORDS.some((each) => each === name));
  if (unknown !== undefined)
    throw new Error(`question '${method}': shape.ts knows no '${unknown}'`);
  for (const inner of Object.values(schema.properties ?? {})) refuseUnknown(method, inner);
  for (const inner of schema.anyOf ?? []) refuseUnknown(method, inner);
}

const [, script, ...args] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  const folder = args[0] ?? 'schema/southbound/diagnostics';
  writeFileSync(`${folder}/question-shapes.ts`, generateQuestionShapes());
}
