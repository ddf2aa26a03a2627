/** What every role says about itself and reads at its start. Called by the roles' processes. */
import { readFile } from 'node:fs/promises';
import { messageOf, SdnError } from '../base/errors.ts';
import type { Agent, TlsMaterial } from './agent.ts';
import type { RoleArguments } from './role-arguments.ts';

/** The part of GET /status that all roles share. */
export function roleStatus({ id }: RoleArguments, agent: Agent): object {
  const { appliedRevision, goalRevision, goalSaved, controller, resourceCount, faults } =
    agent.status();
  return {
    id,
    pid: process.pid,
    appliedRevision,
    goalRevision,
    goalSaved,
    controller: { ...controller, since: new Date(controller.since).toISOString() },
    resources: resourceCount,
    faults,
  };
}

/** `code`: of the fault when a file cannot be read. */
export async function readCredentials(options: RoleArguments, code: string): Promise<TlsMaterial> {
  const { caPath, certificatePath, keyPath } = options;
  try {
    const [ca, cert] = await Promise.all([readFile(caPath), readFile(certificatePath)]);
    return { ca, cert, key: await readFile(keyPath) };
  } catch (cause) {
    throw new SdnError(code, `certificate or key: ${messageOf(cause)}`, {
      cause,
      remedy: 'give --ca, --cert and --key files that this user may read',
    });
  }
}
