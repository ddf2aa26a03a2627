/**
 * `weft check NIC DEST [tcp PORT | icmp]`: real packets from a network interface, as though its VM had sent them, a line for each answer and a
 * summary as ping has it; where none comes, which rule of which resource dropped the packet, or where it was lost, and what to do.
 * `--provider HOST HOST`: from host to host, below all virtual networks. Exit code 0: all were answered; 1: some were not.
 */
import type { Command } from 'commander';
import { sleep } from '../../base/clock.ts';
import { addressOf } from '../addresses.ts';
import { countOption } from '../arguments.ts';
import { ExitCode, UsageFault } from '../fault-report.ts';
import { at, textAt } from '../fields.ts';
import { CHECK_INTERVAL, CHECK_PROBES_MAX } from '../limits.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';
import { dropLines, painter } from '../verdict.ts';

export function addCheckCommand(program: Command, session: Session): void {
  program
    .command('check')
    .description('send real packets from a network interface, and say where they get lost')
    .argument('<nic>', 'network interface that sends; with --provider, a host')
    .argument('<destination>', 'address or network interface; with --provider, address or host')
    .argument('[protocol]', 'icmp or tcp', 'icmp')
    .argument('[port]', 'destination port')
    .option('--count <number>', 'packets', countOption, 4)
    .option('--length <bytes>', 'of the ICMP message', countOption)
    .option('--provider', 'from host to host, over the provider network')
    .action((nic: string, to: string, protocol: string, port: string | undefined, options) =>
      check(session, { nic, to, protocol, port }, options),
    );
}

interface Arguments {
  readonly nic: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: string | undefined;
}

interface CheckOptions {
  readonly count: number;
  readonly length?: number;
  readonly provider?: boolean;
}

async function check(session: Session, named: Arguments, options: CheckOptions): Promise<void> {
  const { count } = options;
  if (count < 1 || count > CHECK_PROBES_MAX) {
    throw new UsageFault(`--count is 1 to ${CHECK_PROBES_MAX}`, 'Run it again for more.');
  }
  const probe = await probeOf(session, named, options);
  session.note(`${named.nic} → ${printable(probe.title)}`);
  const answers: unknown[] = [];
  for (let sequence = 1; sequence <= count; sequence += 1) {
    if (sequence > 1) await sleep(session.shell.clock, CHECK_INTERVAL);
    const body = options.provider === true ? probe.body : { ...probe.body, ...probe.nth(sequence) };
    const answer = await session.northbound().ask('POST', probe.path, body);
    answers.push(answer);
    if (!session.json) session.shell.stdout.write(`${probeLine(answer, sequence)}\n`);
  }
  const summary = summaryOf(answers);
  session.print({ ...summary, probes: answers }, () => formatSummary(session, summary, answers));
  if (summary.received < summary.sent) session.exitCode = ExitCode.Refused;
}

interface Probe {
  readonly path: string;
  readonly body: object;
  readonly title: string;
  readonly nth: (sequence: number) => object;
}

async function probeOf(
  session: Session,
  { nic, to, protocol, port }: Arguments,
  { length, provider }: CheckOptions,
): Promise<Probe> {
  const kind = protocol.toLowerCase();
  if (kind !== 'icmp' && kind !== 'tcp') {
    throw new UsageFault(`'${protocol}' cannot be checked`, 'Use icmp, or tcp with a port.');
  }
  const size = length === undefined ? {} : { length };
  if (provider === true) {
    if (kind === 'tcp') throw new UsageFault('between hosts only icmp is checked', 'Leave it out.');
    const path = `/networking/weft/v1/servers/${encodeURIComponent(nic)}/check`;
    return { path, body: { destination: to, ...size }, title: to, nth: () => ({}) };
  }
  const path = `/networking/weft/v1/networkInterfaces/${encodeURIComponent(nic)}/check`;
  const destination = await addressOf(session, to);
  if (kind === 'icmp') {
    if (port !== undefined) throw new UsageFault('icmp has no ports', 'For example: tcp 443');
    const body = { destination, protocol: kind, ...size };
    return { path, body, title: destination, nth: (sequence) => ({ sequence }) };
  }
  const destinationPort = Number(port);
  if (!/^[0-9]{1,5}$/.test(port ?? '') || destinationPort < 1 || destinationPort > 65_535) {
    throw new UsageFault('tcp needs a destination port, 1 to 65535', 'For example: tcp 443');
  }
  if (length !== undefined) throw new UsageFault('a SYN has one length', 'Leave --length out.');
  const body = { destination, protocol: kind, destinationPort };
  return { path, body, title: `${destination} tcp ${port}`, nth: () => ({}) };
}

const ANSWERS: Readonly<Record<string, string>> = {
  echoReply: 'answered',
  synAck: 'connection accepted',
  reset: 'reached, but refused: nothing listens on the port',
};

function probeLine(answer: unknown, sequence: number): string {
  const verdict = at(answer, 'verdict');
  if (textAt(verdict, 'kind') !== 'reached') {
    return printable(`${sequence}: no answer: ${textAt(verdict, 'reason')}`);
  }
  const words = ANSWERS[textAt(verdict, 'by')] ?? 'answered';
  return `${sequence}: ${words}, ${milliseconds(Number(at(verdict, 'rttMs')))}`;
}

interface Summary {
  readonly sent: number;
  readonly received: number;
  readonly lossPercent: number;
  /** Absent without any answer. */
  readonly rttMs?: { readonly min: number; readonly avg: number; readonly max: number };
}

function summaryOf(answers: readonly unknown[]): Summary {
  const times = answers.flatMap((answer) =>
    at(answer, 'isReached') === true ? Number(at(answer, 'verdict', 'rttMs')) : [],
  );
  const [sent, received] = [answers.length, times.length];
  const base = { sent, received, lossPercent: Math.round(((sent - received) / sent) * 100) };
  if (received === 0) return base;
  const avg = times.reduce((sum, time) => sum + time, 0) / received;
  return { ...base, rttMs: { min: Math.min(...times), avg, max: Math.max(...times) } };
}

function formatSummary(session: Session, summary: Summary, answers: readonly unknown[]): string {
  const { sent, received, lossPercent, rttMs } = summary;
  const times =
    rttMs === undefined
      ? ''
      : `, round trip min/avg/max ${[rttMs.min, rttMs.avg, rttMs.max].map((time) => time.toFixed(3)).join('/')} ms`;
  const head = `${sent} sent, ${received} answered, ${lossPercent} % lost${times}\n`;
  const failed = answers.findLast((answer) => at(answer, 'isReached') !== true);
  if (failed === undefined) return head;
  const verdict = at(failed, 'verdict');
  const paint = painter(session);
  if (textAt(verdict, 'kind') === 'drop') {
    const what = textAt(verdict, 'of') === 'answer' ? 'the answer was ' : '';
    return `${head}\n${dropLines(verdict, paint, what, textAt(verdict, 'host'))}`;
  }
  const text = (name: string) => printable(textAt(verdict, name));
  const reason = paint('bad', `no answer: ${text('reason')}`);
  return `${head}\n${reason}\n  ${text('meaning')}\n  ${text('remedy')}\n`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(3)} ms`;
}
