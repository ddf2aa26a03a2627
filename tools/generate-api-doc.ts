/**
 * Generates docs/api.md, the reference of the northbound, from the registry of resource types: what exists, where, with which properties,
 * what refers to what and what that forbids. So the document cannot say something else than the program.
 *
 * Run by `npm run generate`; a unit test regenerates and compares.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TSchema } from 'typebox';
import { CONNECTIVITY_CHECKS_KEPT_MAX } from '../controller/diagnostics/limits.ts';
import { CAPTURE_ROUTES } from '../controller/northbound/capture-routes.ts';
import { DIAGNOSTIC_ROUTES } from '../controller/northbound/diagnostic-routes.ts';
import { createRegistry } from '../controller/northbound/registry.ts';
import type { RegisteredType } from '../controller/northbound/resource-type.ts';
import { RESOURCE_TYPES } from '../controller/northbound/resource-types.ts';
import { ConnectivityCheckSchema } from '../schema/northbound/connectivity-checks.ts';
import { REST_VERSIONS } from '../schema/northbound/discovery.ts';
import { shapeOf } from '../schema/northbound/read-properties.ts';

const INTRODUCTION = `# Northbound API

The network controller speaks MS-NCNBI (Network Controller Northbound Interface) over HTTPS, with a client certificate or a bearer token. This
page is generated from the controller's registry of resource types (\`npm run generate\`); the same as OpenAPI:
\`GET /networking/weft/v1/openapi.json\`.

## Conventions

- Base: \`https://HOST:PORT/networking/<version>\`, versions ${REST_VERSIONS.join(' ')}. Paths and property names compare without letter case.
- \`PUT\` creates or replaces a resource with its children: what the body does not name is absent afterwards. \`GET\` reads one resource or a
  collection (\`{"value": […], "nextLink": ""}\`), \`DELETE\` removes one. \`PATCH\`, \`POST\` and \`HEAD\` are 405.
- Body: \`{"resourceId", "tags", "resourceMetadata", "properties": {…}}\`. \`resourceRef\`, \`instanceId\`, \`etag\` and read-only properties may be
  sent back and are ignored; an unknown property is an error that names it. Numbers and booleans are also read as text.
- \`If-Match\` and \`If-None-Match\` as in §1.3.1.1; a write changes the etag of the resource, its descendants and its ancestors.
- Writes are asynchronous (§1.3.2): \`PUT\` answers with \`provisioningState\` Updating and \`Azure-AsyncOperation\`, \`DELETE\` 202 with \`Location\`.
  An operation has succeeded when the compiler has taken its revision in; \`configurationState\` says what hosts have made of it.
- One operation runs per resource tree (§1.3.3.1): a write cancels those it replaces, waits up to five seconds for those it may not cancel,
  and is then 409 \`AnotherOperationInProgress\`.
- A write with the \`x-ms-client-request-id\` of an earlier one by the same client on the same resource gets the same answer again.
- \`?whatIf=true\` on a \`PUT\` or \`DELETE\` changes nothing: no revision, no etag, no operation. A request that would be refused is refused in the
  same way; any other is answered 200 with \`status\` (what the write itself would be answered with) and what it would change: \`flows\`, for each
  address the packets that access control would newly allow or deny, exactly and as disjoint sets of prefixes, protocols and ports (the packets
  that open a flow: answers follow them); \`routes\`, for each subnet the destinations that get another next hop; \`goals\`, what switches are
  told anew, differently or no longer. Lists are cut at the limits in docs/limits.md, and \`…Omitted\` says how many entries are missing.
- Errors: \`{"error": {"code", "message", "target", "details"}}\` with a code of §3.1.5.35; docs/errors.md has what to do.

## Read-only resources

| path | what it tells |
| --- | --- |
| \`/networking/discovery\` | versions (§3.1.5.30) |
| \`/SubnetEgressReset\` | the last reset; \`PUT\` of \`{"properties": {"virtualSubnetResourceReference": …}}\` has that subnet’s egress count from zero (§3.1.5.29) |
| \`/operations/{id}\` | \`{"status": "InProgress"｜"Succeeded"｜"Failed"｜"Canceled", "error"?}\` (§3.1.5.12) |
| \`/operationResults/{id}\` | 202 while it runs, then what the request would have been answered (§3.1.5.13) |
| \`/internalResourceInstances[/{instanceId}]\` | from an instanceId to the resource (§3.1.5.24) |
| \`/monitoring/networkControllerStatistics\` | health and usage (§3.1.5.23) |

## State of load balancing

\`PUT /diagnostics/SlbState\` of \`{}\` (§3.1.5.22.3) collects what the controller and every mux say of virtual addresses, and answers 202 with
\`operationId\` and \`slbStateResult\`; \`GET /diagnostics/SlbStateResults/{operationId}\` (§3.1.5.22.4) has \`output.dataGroups\`. A mux that does not
answer is a section with \`dataRetrievalFailed\`.

## Connectivity checks

\`PUT /diagnostics/ConnectivityCheck\` (§3.1.5.22.1; \`POST\` does the same) sends a real packet from \`senderIpAddress\` to \`receiverIpAddress\` and
answers 202 with \`operationId\` and \`connectivityCheckResult\`; \`GET /diagnostics/ConnectivityCheckResults/{operationId}\` (§3.1.5.22.2) has
\`result\`: \`status\` InProgress, Success or Failure, \`roundTripTimeMSec\`, \`errorMessage\` with reason, rule and remedy, and \`nodeOutput\`, the
rules that decided at each host. Results are kept in memory, the latest ${CONNECTIVITY_CHECKS_KEPT_MAX}.

| property | type | |
| --- | --- | --- |
${propertyRows(ConnectivityCheckSchema, '', new Set(['virtualNetworks', 'logicalNetworks'])).join('\n')}

## Weft's additions

| path | what it does |
| --- | --- |
| \`GET /networking/weft/v1/revisions?before=&limit=\` | revisions, newest first |
| \`GET /networking/weft/v1/revisions/{n}\` | what revision n changed |
| \`GET /networking/weft/v1/revisions/diff?from=&to=\` | what lies between two revisions |
| \`POST /networking/weft/v1/revisions/{n}/restore\` | puts every tree back as it was at revision n, as a new revision |
| \`GET /networking/weft/v1/status\` | targets with their applied revision, programmed revision, time to programmed |
| \`GET /networking/weft/v1/openapi.json\` | the OpenAPI document |
| \`GET /metrics\` | Prometheus |

Questions to the hosts' switches, answered from the tables that forward; \`{id}\` is the resourceId or instanceId of a network interface. A host
that does not answer is named in \`missing\`. An interface that is attached nowhere is 409 \`ReferencedResourceNotProvisioned\`, a host that is away
503 \`ServiceUnavailable\`.

| path | what it tells |
| --- | --- |
${[...DIAGNOSTIC_ROUTES, ...CAPTURE_ROUTES].map(({ method, path, query, summary }) => `| \`${method} /networking/weft/v1/${path}${query}\` | ${summary} |`).join('\n')}

## Resources
`.replaceAll('｜', '\\|');

export function apiDocument(): string {
  const registry = createRegistry(RESOURCE_TYPES);
  const known = new Set(registry.all.map(({ path }) => path));
  return INTRODUCTION + registry.all.map((type) => section(type, known)).join('');
}

function section(type: RegisteredType, known: ReadonlySet<string>): string {
  const { summary, section: number, schema, references = [], immutable = [] } = type.type;
  const rows = [
    ...propertyRows(schema, '', known),
    ...type.children.map(({ type: child }) => `| \`${child.collection}\` | list of children | |`),
  ];
  const lines = [
    '',
    `### ${type.path}`,
    '',
    `${summary} ${number === undefined ? "Weft's own" : `MS-NCNBI §${number}`}. \`${urlOf(type)}\``,
    '',
    '| property | type | |',
    '| --- | --- | --- |',
    ...rows,
  ];
  if (immutable.length > 0) {
    const names = immutable.map(({ property, code }) => `\`${property}\` (\`${code}\`)`);
    lines.push('', `Cannot change once created: ${names.join(', ')}.`);
  }
  const inUse = references
    .filter(({ property }) => available(type, property, known))
    .map(({ property, inUse }) => `\`${property}\` (\`${inUse}\`)`);
  if (inUse.length > 0) lines.push('', `What it refers to cannot be deleted: ${inUse.join(', ')}.`);
  return `${lines.join('\n')}\n`;
}

function available(type: RegisteredType, property: string, known: ReadonlySet<string>): boolean {
  return (type.referenceTargets.get(property) ?? []).some((target) => known.has(target));
}

function urlOf(type: RegisteredType): string {
  const above = type.parent === undefined ? '' : urlOf(type.parent);
  return `${above}/${type.type.collection}/${type.type.singletonId ?? '{id}'}`;
}

function propertyRows(schema: TSchema, prefix: string, known: ReadonlySet<string>): string[] {
  const { properties = {}, required = [] } = shapeOf(schema);
  return Object.entries(properties).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    const shape = shapeOf(property);
    const notes = notesOf(property, required.includes(name), known);
    const row = `| \`${path}\` | ${typeName(property)} | ${notes.join('; ')} |`;
    const isLeaf = shape.readOnly === true || shape['x-inert'] !== undefined;
    return [row, ...(isLeaf ? [] : innerRows(property, path, known))];
  });
}

function innerRows(property: TSchema, path: string, known: ReadonlySet<string>): string[] {
  const shape = shapeOf(property);
  if (shape['x-references'] !== undefined) return [];
  if (shape.items !== undefined) return innerRows(shape.items, `${path}[]`, known);
  return shape.properties === undefined ? [] : propertyRows(property, `${path}.`, known);
}

function notesOf(property: TSchema, isRequired: boolean, known: ReadonlySet<string>): string[] {
  const shape = shapeOf(property);
  const targets = shape['x-references'] ?? shapeOf(shape.items ?? property)['x-references'] ?? [];
  const isBuilt = targets.length === 0 || targets.some((target) => known.has(target));
  return [
    ...(isRequired ? ['required'] : []),
    ...(shape.readOnly === true ? ['read-only'] : []),
    ...(shape['x-back-references'] === true ? ['who refers to it'] : []),
    ...(shape.writeOnly === true ? ['write-only'] : []),
    ...(shape['x-inert'] !== undefined || !isBuilt ? ['not built: refused'] : []),
    ...(shape.enum === undefined ? [] : [shape.enum.join(', ')]),
    ...(shape.minimum === undefined ? [] : [`${shape.minimum} … ${shape.maximum}`]),
    ...('description' in property ? [String(property.description).replaceAll('|', '\\|')] : []),
  ];
}

function typeName(property: TSchema): string {
  const shape = shapeOf(property);
  if (shape['x-references'] !== undefined)
    return `reference to ${shape['x-references'].join(' or ')}`;
  if (shape['x-back-references'] === true) return 'list of references';
  if (shape.items !== undefined) return `list of ${typeName(shape.items)}`;
  return shape.type ?? 'any';
}

const [, script, ...args] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  writeFileSync(args[0] ?? 'docs/api.md', apiDocument());
}
