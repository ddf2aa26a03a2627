/**
 * Writes that can also be asked about: with --what-if, what would change is shown and nothing is written, under the same preconditions as the
 * write itself. Called by the commands of policy resources.
 */
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

/** PUT of something new; refused when it exists. */
export async function create(
  session: Session,
  path: string,
  properties: Json,
  { whatIf }: WriteOptions,
): Promise<void> {
  const body = { resourceId: path.slice(path.lastIndexOf('/') + 1), properties };
  if (whatIf !== true) {
    const made = await createResource(session, path, body);
    session.print(made, () => `created ${made.resourceRef}\n`);
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
