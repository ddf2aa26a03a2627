/**
 * A fabric without root: the supervisor runs in a user, network and mount namespace of its own (user_namespaces(7)), in which it is
 * root over everything it makes. The northbound's socket is opened outside and inherited, so its URL works for everybody on the
 * machine; to run a command in a VM one must enter, which `entrance` tells how.
 *
 * Called by commands.ts, main.ts and the CLI.
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SdnError } from '../base/errors.ts';
import { attempt, run } from './command.ts';
import type { FabricRecord } from './state-directory.ts';

/** Set for every process inside, so that none tries to enter twice. */
export const INSIDE_VARIABLE = 'WEFT_INSIDE';

const UNSHARE = ['unshare', '--user', '--map-root-user', '--net', '--mount'] as const;

export type Privilege = 'root' | 'user-namespace';

/** How this process may make namespaces; a fault with its remedy when it may not at all. */
export async function availablePrivilege(): Promise<Privilege> {
  if ((await attempt(['unshare', '--net', '--mount', 'true'])).code === 0) return 'root';
  const { code, stderr } = await attempt([...UNSHARE, 'true']);
  if (code === 0) return 'user-namespace';
  throw new SdnError(
    'SDN_REQUIREMENT_MISSING',
    `this user may make no network namespaces, and no user namespaces either: ${stderr.trim()}`,
    {
      remedy:
        'run as root (sudo npm run up), or as root allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0',
    },
  );
}

/** Prefix of a command that shall run in a new user namespace. */
export function userNamespacePrefix(): readonly string[] {
  return UNSHARE;
}

/**
 * First thing inside: /run of this mount namespace becomes our own, since /run/netns is root's and may not even be there. The state
 * directory must therefore not lie under /run.
 */
export async function prepareUserNamespace(state: string): Promise<void> {
  if (`${resolve(state)}/`.startsWith('/run/'))
    throw new SdnError('SDN_SETTING_INVALID', `without root, ${state} cannot hold the state`, {
      remedy: 'choose a directory outside /run with --state',
    });
  process.env[INSIDE_VARIABLE] = '1';
  await run(['mount', '-t', 'tmpfs', 'tmpfs', '/run']);
  await mkdir('/run/netns');
  await run(['ip', 'link', 'set', 'lo', 'up']);
}

/** Prefix of a command that shall run where the fabric's namespaces can be seen; empty when that is here. */
export function entrance(
  record: FabricRecord,
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] {
  if (!record.unprivileged || env[INSIDE_VARIABLE] === '1') return [];
  return [
    ...['nsenter', '--target', String(record.supervisorPid)],
    ...['--user', '--preserve-credentials', '--net', '--mount', '--'],
    ...['env', `${INSIDE_VARIABLE}=1`],
  ];
}
