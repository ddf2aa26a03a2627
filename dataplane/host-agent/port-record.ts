/**
 * ports.json — which devices are attached for which ports: what the host agent attaches again after its own restart, so that a VM keeps
 * its NIC. Written before an attachment is acknowledged, to a temporary file that is renamed. Called by host-agent.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Device } from '../switch/switch-handle.ts';

export interface PortRecord {
  /** instanceId of the networkInterface. */
  readonly portId: string;
  readonly device: Device['kind'];
  /** Of the interface. */
  readonly name: string;
  /** Name under /run/netns, or absolute path; absent: the host's own namespace. */
  readonly netns?: string;
  /** The TAP did not exist before: it is removed with the port. */
  readonly wasCreated: boolean;
}

const VERSION = 1;

export async function savePorts(path: string, ports: Iterable<PortRecord>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ version: VERSION, ports: [...ports] }, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
}

/** The recorded ports. A file that cannot be read is put aside as `ports.json.unreadable`: no guess is made from parts of it. */
export async function loadPorts(path: string, log: Logger): Promise<PortRecord[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    log.info({ path, reason: messageOf(thrown) }, 'no attached ports recorded');
    return [];
  }
  const ports = decodePorts(text);
  if (ports !== undefined) return ports;
  log.error({ path }, 'attached ports are not readable, starting with none');
  await rename(path, `${path}.unreadable`);
  return [];
}

/** Undefined unless `text` is a whole file of this version. */
export function decodePorts(text: string): PortRecord[] | undefined {
  try {
    const file: unknown = JSON.parse(text);
    if (!isRecord(file) || file['version'] !== VERSION || !Array.isArray(file['ports'])) {
      return undefined;
    }
    const ports = file['ports'].filter(isPort);
    return ports.length === file['ports'].length ? ports : undefined;
  } catch {
    // Not JSON: the caller says so.
    return undefined;
  }
}

function isPort(value: unknown): value is PortRecord {
  return (
    isRecord(value) &&
    typeof value['portId'] === 'string' &&
    (value['device'] === 'tap' || value['device'] === 'netdev') &&
    typeof value['name'] === 'string' &&
    (value['netns'] === undefined || typeof value['netns'] === 'string') &&
    typeof value['wasCreated'] === 'boolean'
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
