/**
 * Requests of the host's control API, checked: from whatever JSON and query a caller sent to what host-agent takes, or a ControlFault that
 * says what is wrong and how it would be right. Pure; called by control-server.
 */
import { isAbsolute } from 'node:path';
import type { Device } from '../switch/switch-handle.ts';
import { badRequest } from './host-fault.ts';
import {
  FLOWS_DEFAULT,
  FLOWS_LISTED_MAX,
  INTERFACE_NAME_LENGTH_MAX,
  PORT_ID_LENGTH_MAX,
} from './limits.ts';

export interface AttachRequest {
  readonly portId: string;
  readonly device: Device['kind'];
  readonly name: string;
  readonly netns?: string;
}

const EXAMPLE =
  'send {"portId":"<instanceId of the network interface>","device":"tap","name":"eth0","netns":"vm1"}';
const FIELDS: ReadonlySet<string> = new Set(['portId', 'device', 'name', 'netns']);

export function parseAttachRequest(body: unknown): AttachRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('the body is not a JSON object', EXAMPLE);
  }
  const fields = body as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields)) {
    if (!FIELDS.has(name)) throw badRequest(`unknown property '${name}'`, EXAMPLE);
  }
  const device = fields['device'];
  if (device !== 'tap' && device !== 'netdev') {
    throw badRequest('\'device\' is neither "tap" nor "netdev"', EXAMPLE);
  }
  const netns = fields['netns'];
  return {
    portId: checkPortId(fields['portId']),
    device,
    name: checkInterfaceName(fields['name']),
    ...(netns === undefined ? {} : { netns: checkNamespace(netns) }),
  };
}

export function checkPortId(value: unknown): string {
  const isId =
    typeof value === 'string' && /^[\w.-]+$/.test(value) && value.length <= PORT_ID_LENGTH_MAX;
  if (isId) return value;
  throw badRequest("'portId' is not the instanceId of a network interface", EXAMPLE);
}

/** As the kernel judges names (dev_valid_name), without `%`, which it would expand. */
function checkInterfaceName(value: unknown): string {
  const isName =
    typeof value === 'string' &&
    /^[^\s/:%]+$/.test(value) &&
    value !== '.' &&
    value !== '..' &&
    Buffer.byteLength(value) <= INTERFACE_NAME_LENGTH_MAX;
  if (isName) return value;
  throw badRequest(
    `'name' is not an interface name`,
    `use 1 to ${INTERFACE_NAME_LENGTH_MAX} characters without spaces, '/', ':' and '%'`,
  );
}

function checkNamespace(value: unknown): string {
  const isName = typeof value === 'string' && /^[^/\0]+$/.test(value) && !/^\.\.?$/.test(value);
  const isPath = typeof value === 'string' && isAbsolute(value) && !value.includes('\0');
  if (isName || isPath) return value;
  throw badRequest(
    "'netns' is not a network namespace",
    'give a name that `ip netns list` shows, or an absolute path such as /proc/PID/ns/net',
  );
}

export interface FlowsRequest {
  readonly portId?: string;
  readonly limit: number;
}

export function parseFlowsRequest(query: URLSearchParams): FlowsRequest {
  const text = query.get('limit') ?? String(FLOWS_DEFAULT);
  const limit = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > FLOWS_LISTED_MAX) {
    throw badRequest(`'limit' is '${text}'`, `use a whole number from 1 to ${FLOWS_LISTED_MAX}`);
  }
  const portId = query.get('portId');
  return portId === null || portId === '' ? { limit } : { portId: checkPortId(portId), limit };
}
