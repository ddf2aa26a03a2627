/**
 * The verbs that the resource commands share: create without overwriting, delete what exists, and the state of a resource in words.
 * Called by the commands of resources
 * and by writes.
 */
import { SdnError } from '../base/errors.ts';
import { NorthboundFault, type Resource } from '../fabric/northbound-client.ts';
import { at, type Json, listAt, textAt } from './fields.ts';
import type { Session } from './session.ts';
import { type Column, formatFields, formatTable } from './table.ts';

/** PUT of something new; refused when it exists, so that a typing slip never replaces a network. */
export async function createResource(
  session: Session,
  path: string,
  body: unknown,
): Promise<Resource> {
  try {
    return await session.waiting(
      `creating ${path}`,
      session.northbound().put(path, body, { ifNoneMatch: '*' }),
    );
  } catch (thrown) {
    throw existsFault(path, thrown);
  }
}

/** The refusal of a name that is taken, in the words of `create`; any other fault as it is. */
export function existsFault(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof NorthboundFault) || thrown.status !== 412) return thrown;
  return new SdnError('SDN_CLI_EXISTS', `${path} exists already`, {
    cause: thrown,
    remedy: `Look at it with \`weft get ${path}\`; replace it with \`weft put ${path} -f FILE\`.`,
  });
}

/** DELETE of something that exists: the API itself answers success for what was never there. */
export async function deleteResource(session: Session, path: string): Promise<void> {
  const client = session.northbound();
  const found = await client.get(path);
  await session.waiting(`deleting ${path}`, client.delete(path, { ifMatch: found.etag }));
  session.print({ deleted: found.resourceRef }, () => `deleted ${found.resourceRef}\n`);
}

/** What clients asked for has been accepted: `Succeeded`, `Updating`, … */
export function provisioning(resource: unknown): string {
  return textAt(resource, 'properties', 'provisioningState');
}

/** What the hosts have made of it: `Success`, `InProgress`, `Failure`, … */
export function configuration(resource: unknown): string {
  return textAt(resource, 'properties', 'configurationState', 'status');
}

interface Reason {
  readonly source: string;
  readonly code: string;
  readonly message: string;
}

/** Why the configuration is what it is; nothing while all is well. */
export function configurationReasons(resource: unknown): readonly Reason[] {
  return listAt(resource, 'properties', 'configurationState', 'detailedInfo')
    .map((info) => ({
      source: textAt(info, 'source'),
      code: textAt(info, 'code'),
      message: textAt(info, 'message'),
    }))
    .filter((reason) => reason.code !== '' && reason.code !== 'Success');
}

export const STATE_COLUMNS: readonly Column<unknown>[] = [
  { heading: 'PROVISIONING', value: provisioning },
  { heading: 'CONFIGURATION', value: configuration },
];

/** One resource: its own fields, then those all resources have, then why it is not in force, if it is not. */
export function formatResource(
  resource: Resource,
  fields: readonly (readonly [name: string, value: string])[],
): string {
  const text = formatFields([
    ...fields,
    ['provisioning', provisioning(resource)],
    ['configuration', configuration(resource)],
    ['instance', resource.instanceId],
    ['etag', resource.etag],
  ]);
  const reasons = formatReasons(configurationReasons(resource));
  return reasons === '' ? text : `${text}\n${reasons}`;
}

/** Nothing while all is well. */
export function formatReasons(reasons: readonly Reason[]): string {
  return reasons.length === 0 ? '' : formatTable(REASON_COLUMNS, reasons);
}

const REASON_COLUMNS: readonly Column<Reason>[] = [
  { heading: 'SOURCE', value: (reason) => reason.source },
  { heading: 'CODE', value: (reason) => reason.code },
  { heading: 'MESSAGE', value: (reason) => reason.message },
];

/** Children that a resource holds inline. */
export function inline(resource: unknown, name: string): readonly Json[] {
  return listAt(resource, 'properties', name).filter(
    (child): child is Json => at(child, 'resourceId') !== undefined,
  );
}
