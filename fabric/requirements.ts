/**
 * What the machine must offer for a fabric, checked before anything is made, so that a missing piece is one clear line with its
 * remedy and not a failure half-way.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SdnError } from '../base/errors.ts';
import { attempt, missingProgram } from './command.ts';
import { programPath } from './roles.ts';

const PROGRAMS = ['ip', 'nsenter', 'setpriv', 'busybox'] as const;
const TUN = '/dev/net/tun';

export async function checkRequirements(): Promise<void> {
  for (const program of PROGRAMS) if (!isInstalled(program)) throw missingProgram(program);
  for (const program of ['controller/main.js', 'dataplane/main.js', 'bgp/edge/main.js']) {
    if (!existsSync(programPath(program)))
      throw new SdnError('SDN_REQUIREMENT_MISSING', `${programPath(program)} is not built`, {
        remedy: 'npm run build',
      });
  }
  checkTun();
  await checkNamespaces();
}

export function isInstalled(program: string): boolean {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.some((directory) => directory !== '' && existsSync(join(directory, program)));
}

function checkTun(): void {
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw new SdnError('SDN_REQUIREMENT_MISSING', `${TUN} cannot be opened: no TAP devices`, {
      cause,
      remedy: existsSync(TUN)
        ? `as root: chmod 666 ${TUN}, as most distributions have it`
        : `as root: mkdir -p /dev/net && mknod -m 666 ${TUN} c 10 200; of a container: --device ${TUN}`,
    });
  }
}

/** Makes and removes a namespace: the only sure way to know whether this process may. */
async function checkNamespaces(): Promise<void> {
  const probe = `weft-probe-${process.pid}`;
  const { code, stderr } = await attempt(['ip', 'netns', 'add', probe]);
  if (code !== 0)
    throw new SdnError(
      'SDN_REQUIREMENT_MISSING',
      `network namespaces cannot be made: ${stderr.trim()}`,
      { remedy: 'run as root, or in a container with CAP_NET_ADMIN and CAP_SYS_ADMIN' },
    );
  await attempt(['ip', 'netns', 'del', probe]);
}
