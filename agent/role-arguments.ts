/** The command line that every role with a southbound agent has. Pure; called by the roles' main.ts through role-main.ts. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, SdnError } from '../base/errors.ts';

export interface RoleArguments {
  /** resourceId of the server or edge router; common name of the certificate. */
  readonly id: string;
  /** Of this role alone: goal-state.bin is in it. */
  readonly stateDirectory: string;
  /** `unix:PATH` or `HOST:PORT` */
  readonly controller: string;
  /** PEM files. */
  readonly caPath: string;
  readonly certificatePath: string;
  readonly keyPath: string;
  /** Interface of the provider network. */
  readonly uplink: string;
  readonly controlPath: string;
  readonly hasOffload: boolean;
}

const OPTIONS = {
  id: { type: 'string' },
  state: { type: 'string' },
  controller: { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  uplink: { type: 'string' },
  control: { type: 'string' },
  offload: { type: 'string', default: 'on' },
} as const;

/** `program`: as one would type it, `dist/dataplane/main.js`. Throws SDN_USAGE with the usage as remedy. */
export function parseRoleArguments(argv: readonly string[], program: string): RoleArguments {
  const wrong = (message: string): SdnError =>
    new SdnError('SDN_USAGE', message, { remedy: usageOf(program) });
  const values = read(argv, wrong);
  const required = (name: Exclude<keyof typeof OPTIONS, 'control' | 'offload'>): string => {
    const value = values[name];
    if (value === undefined || value === '') throw wrong(`--${name} is missing`);
    return value;
  };
  const id = required('id');
  if (!/^[\w.-]+$/.test(id)) throw wrong(`--id '${id}' is not a resource name`);
  const controller = required('controller');
  if (!/^unix:.+$|^.+:[0-9]{1,5}$/.test(controller)) {
    throw wrong(`--controller '${controller}' is neither unix:PATH nor HOST:PORT`);
  }
  if (values.offload !== 'on' && values.offload !== 'off') {
    throw wrong(`--offload '${values.offload}' is neither on nor off`);
  }
  const stateDirectory = resolve(required('state'));
  return {
    id,
    stateDirectory,
    controller,
    caPath: required('ca'),
    certificatePath: required('cert'),
    keyPath: required('key'),
    uplink: required('uplink'),
    controlPath: resolve(values.control ?? join(stateDirectory, 'control.sock')),
    hasOffload: values.offload === 'on',
  };
}

function usageOf(program: string): string {
  return (
    `usage: node ${program} --id NAME --state DIR --controller (unix:PATH | HOST:PORT) ` +
    '--ca FILE --cert FILE --key FILE --uplink INTERFACE [--control PATH] [--offload=on|off]'
  );
}

function read(argv: readonly string[], wrong: (message: string) => SdnError) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (cause) {
    throw wrong(messageOf(cause));
  }
}
