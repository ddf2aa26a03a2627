/**
 * Writes that can also be asked about: with --what-if, what would change is shown and nothing is written, under the same preconditions as the
 * write itself. A change of what exists reads it first and is refused when another write came between (If-Match), so that no
 * one's work is lost. Called by the commands of policy resources, and by `set` of subnets and interfaces.
 */
import { SdnError } from '../base/errors.ts';
import { NorthboundFault, type Resource } from '../fabric/northbound-client.ts';
import { UsageFault } from './fault-report.ts';
import type { Json } from './fields.ts';
import { createResource, deleteResource, existsFault } from './resources.ts';
import type { Session } from './session.ts';
import { showWhatIf } from './what-if.ts';

/** Flags and description, for `.option(...WHAT_IF)`. */
export const WHAT_IF = [
  '--what-if',
  'change nothing; say which flows and routes would change',
] as const;

export interface WriteOptions {
  readonly whatIf?: boolean;
}

/** What people are told of something new; neither is asked for when it was only asked about. */
export interface Made {
  /** Instead of `created REFERENCE`. */
  line?(made: Resource): string;
  /** Called when that has been told. */
  after?(made: Resource): void;
}

/** PUT of something new; refused when it exists. */
export async function create(
  session: Session,
  path: string,
  properties: Json,
  { whatIf }: WriteOptions,
  { line = ({ resourceRef }) => `created ${resourceRef}`, after }: Made = {},
): Promise<void> {
  const body = { resourceId: path.slice(path.lastIndexOf('/') + 1), properties };
  if (whatIf !== true) {
    const made = await createResource(session, path, body);
    session.print(made, () => `${line(made)}\n`);
    after?.(made);
    return;
  }
  try {
    await showWhatIf(session, 'PUT', path, { body, ifNoneMatch: '*' });
  } catch (thrown) {
    throw existsFault(path, thrown);
  }
}

/** DELETE of something that exists. */
export async function remove(
  session: Session,
  path: string,
  { whatIf }: WriteOptions,
): Promise<void> {
  if (whatIf !== true) return deleteResource(session, path);
  const { etag } = await session.northbound().get(path);
  await showWhatIf(session, 'DELETE', path, { ifMatch: etag });
}

/** PUT of what is there with other properties; `changed` gets the present ones, children among them, and returns all that shall hold. */
export async function change(
  session: Session,
  path: string,
  { whatIf }: WriteOptions,
  changed: (properties: Json) => Json,
): Promise<void> {
  const client = session.northbound();
  const found = await client.get(path);
  const body = { ...found, properties: changed(found.properties) };
  const ifMatch = found.etag;
  try {
    if (whatIf === true) {
      await showWhatIf(session, 'PUT', path, { body, ifMatch });
      return;
    }
    const written = await session.waiting(`changing ${path}`, client.put(path, body, { ifMatch }));
    session.print(written, () => `changed ${written.resourceRef}\n`);
  } catch (thrown) {
    throw changedFault(found, thrown);
  }
}

/** The word by which a `set` option takes a reference away. */
export const NONE = 'none';

/** `properties` with the references that options name: `none` takes one away, undefined leaves it as it is. */
export function withReferences(
  properties: Json,
  wanted: readonly (readonly [property: string, collection: string, name: string | undefined])[],
): Json {
  const kept = { ...properties };
  for (const [property, collection, name] of wanted) {
    if (name === NONE) delete kept[property];
    else if (name !== undefined) kept[property] = { resourceRef: `/${collection}/${name}` };
  }
  return kept;
}

/** A list of references as an option names it: `none` alone empties it. */
export function referenceList(collection: string, names: readonly string[]): readonly Json[] {
  if (!names.includes(NONE))
    return names.map((name) => ({ resourceRef: `/${collection}/${name}` }));
  if (names.length > 1) throw new UsageFault(`${NONE} stands alone`);
  return [];
}

/** A `set` that names nothing to set is a slip, not a success. */
export function requireSomething(options: Readonly<Record<string, unknown>>, flags: string): void {
  if (Object.values(options).every((value) => value === undefined)) {
    throw new UsageFault('there is nothing to set', `Name what to set: ${flags}`);
  }
}

function changedFault({ resourceRef }: Resource, thrown: unknown): unknown {
  if (!(thrown instanceof NorthboundFault) || thrown.status !== 412) return thrown;
  return new SdnError('SDN_CLI_CHANGED', `${resourceRef} was changed by another meanwhile`, {
    cause: thrown,
    remedy: `Look at it with \`weft get ${resourceRef}\`, then try again.`,
  });
}
