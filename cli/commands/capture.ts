/**
 * `weft capture`: frames as the hosts' switches see them, what they drop included, as a pcapng file that tcpdump and Wireshark read. Runs
 * until its bounds are reached or it is interrupted (Ctrl-C); `-w -` writes to standard output: `weft capture web1 -w - | tcpdump -r -`.
 * The controller passes on what the host records.
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { messageOf, SdnError } from '../../base/errors.ts';
import { parseCaptureFilter } from '../../schema/southbound/diagnostics/capture.ts';
import { countOption } from '../arguments.ts';
import { UsageFault } from '../fault-report.ts';
import { isObject, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';

const CAPTURES = '/networking/weft/v1/captures';

export function addCaptureCommand(program: Command, session: Session): void {
  program
    .command('capture')
    .description("record frames in the hosts' switches, also those they drop")
    .argument('[nic]', "only this network interface's")
    .requiredOption('-w, --write <file>', 'pcapng file to write; - is standard output')
    .option('--nic <name>', 'the same as the argument')
    .option('--host <name>', 'everything on this host; needed where there are several and no NIC')
    .option(
      '--filter <words>',
      "such as 'tcp and host 10.0.0.4 and port 443', 'dropped', 'vni 5001'",
    )
    .option('-c, --count <frames>', 'end after so many frames', countOption)
    .option('--seconds <count>', 'end after so long', countOption)
    .option('--bytes <count>', 'end when the file is so long', countOption)
    .option('-s, --snaplen <bytes>', 'keep so much of each frame', countOption)
    .action((nic: string | undefined, options: CaptureOptions) =>
      capture(session, { ...options, ...(nic !== undefined && { nic }) }),
    );
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
  const { filter = '' } = options;
  const parsed = parseCaptureFilter(filter);
  if (typeof parsed === 'string') throw new UsageFault(parsed, FILTER_HELP);
  const northbound = session.northbound();
  const started = await northbound.ask('POST', CAPTURES, {
    ...(await placeOf(session, options)),
    filter,
    ...(options.count !== undefined && { packetsMax: options.count }),
    ...(options.seconds !== undefined && { secondsMax: options.seconds }),
    ...(options.bytes !== undefined && { bytesMax: options.bytes }),
    ...(options.snaplen !== undefined && { snapLen: options.snaplen }),
  });
  const path = `${CAPTURES}/${encodeURIComponent(textAt(started, 'id'))}`;
  session.note(`capturing on ${textAt(started, 'host')}; Ctrl-C ends it`);
  await record(session, path, options.write);
  const status = await northbound.ask('GET', path);
  // Standard output may be the file itself.
  if (options.write !== '-') session.print(status, () => '');
  const text = (name: string) => textAt(status, name);
  const lost = text('lost') === '0' ? '' : `, ${text('lost')} lost`;
  session.note(`${text('packets')} frames, ${text('bytes')} bytes${lost} (${text('ended')})`);
}

const FILTER_HELP =
  'Words: tcp udp icmp icmp6 arp ip ip6 proto, [src|dst] host|net|port VALUE, inbound, outbound, vni N, dropped.';

/** What to capture on: an interface, a host, or the only host there is. */
async function placeOf(session: Session, { nic, host }: CaptureOptions): Promise<object> {
  if (nic !== undefined && host !== undefined) {
    throw new UsageFault('a network interface is on one host', 'Leave --host out.');
  }
  if (nic !== undefined) return { nic };
  if (host !== undefined) return { host };
  const status = await session.northbound().ask('GET', '/networking/weft/v1/status');
  const hosts = listAt(status, 'targets')
    .filter(isObject)
    .filter((target) => target['kind'] === 'host')
    .map((target) => textAt(target, 'id'));
  const [only] = hosts;
  if (only !== undefined && hosts.length === 1) return { host: only };
  const names = hosts.join(', ');
  throw new UsageFault('a capture runs on one host', `Name a NIC, or one with --host: ${names}.`);
}

/** Copies the capture to its file until it has ended; an interrupt ends it, and what it has then still arrives. */
async function record(session: Session, path: string, target: string): Promise<void> {
  const northbound = session.northbound();
  const pieces = await northbound.stream(`${path}/pcapng`);
  const file: Writable = target === '-' ? process.stdout : createWriteStream(target);
  let fault: unknown;
  let stopping: Promise<unknown> | undefined;
  const stop = (): void => {
    stopping ??= northbound.ask('DELETE', path).catch((reason: unknown) => {
      session.note(`not ended: ${messageOf(reason)}`);
    });
  };
  file.on('error', (reason) => {
    fault = reason;
    stop();
  });
  process.on('SIGINT', stop);
  try {
    try {
      for await (const bytes of pieces) if (fault === undefined) await write(file, bytes);
    } catch (cause) {
      throw brokenOff(cause);
    }
    await stopping;
    if (target !== '-' && fault === undefined) await finished(file.end());
  } finally {
    process.off('SIGINT', stop);
  }
  if (fault !== undefined && !isClosedPipe(fault)) throw unwritable(target, fault);
}

/** Waits where whoever reads is slow; a reader that has gone away is noticed by the error that follows. */
function write(file: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    file.write(bytes, () => resolve());
  });
}

/** `weft capture -w - | head`: the reader has what it wanted. */
function isClosedPipe(fault: unknown): boolean {
  return fault instanceof Error && 'code' in fault && fault.code === 'EPIPE';
}

function brokenOff(cause: unknown): SdnError {
  return new SdnError('SDN_UNREACHABLE', `the capture was broken off: ${messageOf(cause)}`, {
    cause,
    remedy: 'the file has what came before; see whether host and controller run: weft status',
  });
}

function unwritable(path: string, cause: unknown): SdnError {
  return new SdnError('SDN_CLI_FILE', `${path}: ${messageOf(cause)}`, {
    cause,
    remedy: 'name a file that can be written with -w',
  });
}
