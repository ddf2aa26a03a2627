/**
 * `weft capture`: frames as the hosts' switches see them, what they drop included, as a pcapng file that tcpdump and Wireshark read. Runs
 * until its bounds are reached or it is interrupted (Ctrl-C); `-w -` writes to standard output: `weft capture -w - | tcpdump -r -`.
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { sleep } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import {
  type CaptureFilter,
  type CaptureRequest,
  type CaptureStatus,
  parseCaptureFilter,
} from '../../schema/southbound/diagnostics/capture.ts';
import { countOption } from '../arguments.ts';
import { UsageFault } from '../fault-report.ts';
import { textAt } from '../fields.ts';
import { fabricHosts, type Host, listPorts } from '../hosts.ts';
import { CAPTURE_POLL_INTERVAL } from '../limits.ts';
import type { Session } from '../session.ts';

export function addCaptureCommand(program: Command, session: Session): void {
  program
    .command('capture')
    .description("record frames in the hosts' switches, also those they drop")
    .requiredOption('-w, --write <file>', 'pcapng file to write; - is standard output')
    .option('--nic <name>', "only this network interface's")
    .option('--host <name>', 'on this host; needed where there are several and no --nic')
    .option(
      '--filter <words>',
      "such as 'tcp and host 10.0.0.4 and port 443', 'dropped', 'vni 5001'",
    )
    .option('-c, --count <frames>', 'end after so many frames', countOption)
    .option('--seconds <count>', 'end after so long', countOption)
    .option('--bytes <count>', 'end when the file is so long', countOption)
    .option('-s, --snaplen <bytes>', 'keep so much of each frame', countOption)
    .action((options: CaptureOptions) => capture(session, options));
}

interface CaptureOptions {
  readonly write: string;
  readonly nic?: string;
  readonly host?: string;
  readonly filter?: string;
  readonly count?: number;
  readonly seconds?: number;
  readonly bytes?: number;
  readonly snaplen?: number;
}

async function capture(session: Session, options: CaptureOptions): Promise<void> {
  const parsed = parseCaptureFilter(options.filter ?? '');
  if (typeof parsed === 'string') throw new UsageFault(parsed, FILTER_HELP);
  const { host, portId } = await placeOf(session, options);
  const filter: CaptureFilter = portId === undefined ? parsed : { ...parsed, portIds: [portId] };
  const request: CaptureRequest = {
    filter,
    ...(options.count !== undefined && { packetsMax: options.count }),
    ...(options.seconds !== undefined && { secondsMax: options.seconds }),
    ...(options.bytes !== undefined && { bytesMax: options.bytes }),
    ...(options.snaplen !== undefined && { snapLen: options.snaplen }),
  };
  const { id } = await host.control.startCapture(request);
  session.note(`capturing on ${host.name}; Ctrl-C ends it`);
  const status = await record(session, host, id, options.write);
  // Standard output may be the file itself.
  if (options.write !== '-') session.print(status, () => '');
  const lost = status.lost === 0 ? '' : `, ${status.lost} lost`;
  session.note(`${status.packets} frames, ${status.bytes} bytes${lost} (${status.ended ?? ''})`);
}

const FILTER_HELP =
  'Words: tcp udp icmp icmp6 arp ip ip6 proto, [src|dst] host|net|port VALUE, inbound, outbound, vni N, dropped.';

/** The host that has the interface, and what its switch knows it by. */
async function placeOf(
  session: Session,
  options: CaptureOptions,
): Promise<{ host: Host; portId: string | undefined }> {
  const hosts = fabricHosts(session, options.host);
  if (options.nic === undefined) {
    const [host] = hosts;
    if (host !== undefined && hosts.length === 1) return { host, portId: undefined };
    const names = hosts.map(({ name }) => name).join(', ');
    throw new UsageFault('a capture runs on one host', `Name it with --host (${names}) or --nic.`);
  }
  const portId = (await session.northbound().get(`/networkInterfaces/${options.nic}`)).instanceId;
  const ports = await listPorts(session, options.host);
  const holder = ports.find(({ port }) => textAt(port, 'portId') === portId)?.host;
  const host = hosts.find(({ name }) => name === holder);
  if (host !== undefined) return { host, portId };
  throw new UsageFault(
    `no host has ${options.nic} attached`,
    'Attach it: weft port attach, or see where it is: weft port list',
  );
}

/** Copies the capture to its file until it has ended. */
async function record(
  session: Session,
  host: Host,
  id: number,
  path: string,
): Promise<CaptureStatus> {
  const file: Writable = path === '-' ? process.stdout : createWriteStream(path);
  let fault: unknown;
  file.on('error', (reason) => {
    fault = reason;
  });
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
  };
  process.on('SIGINT', interrupt);
  try {
    for (;;) {
      if (isInterrupted || fault !== undefined) await host.control.stopCapture(id);
      const { bytes, status } = await host.control.readCapture(id);
      if (fault === undefined) await write(file, bytes);
      if (status.ended !== undefined) {
        if (path !== '-') await finished(file.end());
        if (fault !== undefined && !isClosedPipe(fault)) throw unwritable(path, fault);
        return status;
      }
      await sleep(session.shell.clock, CAPTURE_POLL_INTERVAL);
    }
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Waits where whoever reads is slow; a reader that has gone away is noticed by the error that follows. */
function write(file: Writable, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    file.write(bytes, () => resolve());
  });
}

/** `weft capture -w - | head`: the reader has what it wanted. */
function isClosedPipe(fault: unknown): boolean {
  return fault instanceof Error && 'code' in fault && fault.code === 'EPIPE';
}

function unwritable(path: string, cause: unknown): SdnError {
  return new SdnError('SDN_CLI_FILE', `${path}: ${messageOf(cause)}`, {
    cause,
    remedy: 'name a file that can be written with -w',
  });
}
