/**
 * `weft trace`: what would happen to a packet? One line for each rule that decides, host by host, the verdict last; where it is dropped,
 * which rule of which resource did it, and what to do. It may come from outside too. Nothing is sent, and nothing changes. Exit code 0: it
 * arrives, or the switch answers it, or it leaves by an edge router; 3: it is dropped.
 */
import type { Command } from 'commander';
import { parseIpWords } from '../../base/ip-words.ts';
import { addressOf } from '../addresses.ts';
import { countOption } from '../arguments.ts';
import { ExitCode, UsageFault } from '../fault-report.ts';
import { at, isObject, type Json, lastName, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { formatTable, printable } from '../table.ts';
import { dropLines, type Paint, painter, reasonWords } from '../verdict.ts';
import { edgeName } from './bgp.ts';

export function addTraceCommand(program: Command, session: Session): void {
  program
    .command('trace')
    .description('what would happen to a packet, rule by rule')
    .requiredOption('--from <nic>', 'network interface that sends it, or an address outside')
    .requiredOption('--to <address>', 'destination address, or a network interface')
    .option('--protocol <name>', 'tcp, udp, icmp, or a protocol number', 'icmp')
    .option('--port <number>', 'destination port', countOption)
    .option('--source-port <number>', 'source port', countOption)
    .option('--ttl <number>', 'time to live', countOption)
    .option('--length <bytes>', 'of the IP packet', countOption)
    .option('--edge <name>', 'from outside: the edge router it comes to (default: the only one)')
    .option('--both', 'also the way of the answer')
    .action((options: TraceOptions) => trace(session, options));
}

interface TraceOptions {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port?: number;
  readonly sourcePort?: number;
  readonly ttl?: number;
  readonly length?: number;
  readonly both?: boolean;
  readonly edge?: string;
}

async function trace(session: Session, options: TraceOptions): Promise<void> {
  const destination = await addressOf(session, options.to);
  const protocol = protocolOf(options.protocol, destination);
  const { port, sourcePort, ttl, length } = options;
  if (PORTED.has(protocol) && port === undefined) {
    throw new UsageFault(`${options.protocol} needs a destination port`, 'For example: --port 443');
  }
  const from = await senderOf(session, options);
  const path = `/networking/weft/v1/${from.path}/trace`;
  const body = await session
    .northbound()
    .ask('POST', options.both === true ? `${path}?both=true` : path, {
      destination,
      protocol,
      ...(from.source !== undefined && { source: from.source }),
      ...(port !== undefined && { destinationPort: port }),
      ...(sourcePort !== undefined && { sourcePort }),
      ...(ttl !== undefined && { ttl }),
      ...(length !== undefined && { length }),
    });
  const paint = painter(session);
  session.print(body, () => {
    const there = formatTrace(body, paint);
    const back = at(body, 'reply');
    return back === undefined ? there : `${there}\nand the answer\n\n${formatTrace(back, paint)}`;
  });
  if (options.both === true && at(body, 'reply') === undefined && !isFailed(body))
    session.note('Of an answer nothing can be told before the packet is sent.');
  if ([body, at(body, 'reply')].some(isFailed)) session.exitCode = ExitCode.Denied;
}

/** An interface, or an address behind an edge router. */
async function senderOf(
  session: Session,
  { from, edge }: TraceOptions,
): Promise<{ readonly path: string; readonly source?: string }> {
  if (parseIpWords(from) === undefined) {
    return { path: `networkInterfaces/${encodeURIComponent(from)}` };
  }
  return {
    path: `edgeRouters/${encodeURIComponent(await edgeName(session, edge))}`,
    source: from,
  };
}

function isFailed(trace: unknown): boolean {
  return FAILED.has(textAt(trace, 'verdict', 'kind'));
}

const FAILED: ReadonlySet<string> = new Set(['drop', 'refused', 'unknown']);
const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, icmpv6: 58 };
const PORTED: ReadonlySet<number> = new Set([6, 17]);

function protocolOf(text: string, destination: string): number {
  const name = text.toLowerCase();
  if (name === 'icmp' && destination.includes(':')) return 58;
  const number = PROTOCOLS[name] ?? (/^[0-9]{1,3}$/.test(name) ? Number(name) : 256);
  if (number <= 255) return number;
  throw new UsageFault(`there is no protocol ${text}`, 'Use tcp, udp, icmp, or a number.');
}

/** One direction. */
export function formatTrace(trace: unknown, paint: Paint): string {
  const hops = listAt(trace, 'hops').filter(isObject);
  const routers = listAt(trace, 'routers').filter(isObject);
  const first = hops[0];
  const fromOutside = routers.find((each) => textAt(each, 'afterHops') === '0');
  const title =
    fromOutside !== undefined
      ? `${outsideLine(at(fromOutside, 'packet'))}\n`
      : first === undefined
        ? ''
        : `${packetLine(at(first, 'packet'))}\n`;
  const routersAfter = (count: number): readonly string[] =>
    routers.filter((each) => textAt(each, 'afterHops') === String(count)).map(formatRouter);
  const parts = hops.flatMap((hop, index) => [formatHop(hop, paint), ...routersAfter(index + 1)]);
  const way = [...routersAfter(0), ...parts].join('');
  return `${title}${way}\n${verdictLines(trace, paint)}`;
}

function packetLine(packet: unknown): string {
  const type = textAt(packet, 'icmpType');
  const kind = type === '' ? '' : ` type ${type} code ${textAt(packet, 'icmpCode')}`;
  const sizes = `TTL ${textAt(packet, 'ttl')}, ${textAt(packet, 'length')} bytes`;
  return printable(`${textAt(packet, 'protocol')}${kind} ${endsOf(packet)}, ${sizes}`);
}

/** As it comes from outside. */
function outsideLine(packet: unknown): string {
  const number = textAt(packet, 'protocol');
  const name = Object.entries(PROTOCOLS).find(([, each]) => String(each) === number)?.[0];
  return printable(`${name ?? number} ${endsOf(packet)}`);
}

function endsOf(packet: unknown): string {
  const end = (address: string, port: string) => {
    const number = textAt(packet, port);
    const text = textAt(packet, address);
    if (number === '') return text;
    return text.includes(':') ? `[${text}]:${number}` : `${text}:${number}`;
  };
  return `${end('source', 'sourcePort')} → ${end('destination', 'destinationPort')}`;
}

function formatHop(hop: Json, paint: Paint): string {
  const flow = at(hop, 'flow');
  const flowText =
    flow === undefined
      ? 'no flow is open: it would be judged by every layer'
      : `belongs to a flow that is ${textAt(flow, 'state')}, ${textAt(flow, 'packets')} packets so far`;
  const steps = listAt(hop, 'steps').filter(isObject);
  const table = formatTable<Json>(
    [
      { heading: '', value: (step) => (isDrop(step) ? '✗' : '✓') },
      { heading: 'INTERFACE', value: (step) => lastName(textAt(step, 'portRef')) || 'uplink' },
      { heading: 'DIRECTION', value: (step) => textAt(step, 'direction') },
      { heading: 'LAYER', value: (step) => textAt(step, 'layer') },
      { heading: 'GROUP', value: (step) => textAt(step, 'group') },
      { heading: 'RULE', value: (step) => textAt(step, 'rule') },
      { heading: 'OF', value: (step) => textAt(step, 'resourceRef') },
      { heading: 'DOES', value: outcomeOf },
    ],
    steps,
  );
  const [heading = '', ...lines] = table.trimEnd().split('\n');
  const painted = lines.map((line, index) => {
    const step = steps[index];
    return step !== undefined && isDrop(step) ? paint('bad', line) : line;
  });
  const rows = [paint('dim', heading), ...painted].map((line) => `  ${line}\n`).join('');
  const count = textAt(at(hop, 'verdict'), 'fragments');
  const cut =
    count === '' ? '' : `  leaves in ${printable(count)} fragments: longer than the tunnel takes\n`;
  return `\n${printable(textAt(hop, 'host'))}: ${printable(flowText)}\n${rows}${cut}`;
}

/** At an edge router or a mux: its steps, and the packet as it leaves. */
function formatRouter(router: Json): string {
  const table = formatTable<Json>(
    [
      { heading: 'STEP', value: (step) => textAt(step, 'step') },
      { heading: 'DOES', value: (step) => textAt(step, 'text') },
      { heading: 'OF', value: (step) => textAt(step, 'resourceRef') },
    ],
    listAt(router, 'steps').filter(isObject),
  );
  const rows = table.trimEnd().split('\n');
  const leaves = at(router, 'leaves');
  if (leaves !== undefined) rows.push(`leaves as ${endsOf(leaves)}`);
  const indented = rows.map((line) => `  ${line}\n`).join('');
  return `\n${printable(textAt(router, 'resourceRef'))}:\n${indented}`;
}

function isDrop(step: Json): boolean {
  return textAt(step, 'outcome').startsWith('drop ');
}

function outcomeOf(step: Json): string {
  const outcome = textAt(step, 'outcome');
  return at(step, 'judgesRequest') === true ? `${outcome} (as its request)` : outcome;
}

function verdictLines(trace: unknown, paint: Paint): string {
  const verdict = at(trace, 'verdict');
  const text = (name: string) => printable(textAt(verdict, name));
  switch (textAt(verdict, 'kind')) {
    case 'deliver':
      return `${paint('good', `delivered to ${text('resourceRef')}`)}\n`;
    case 'answer':
      return `${paint('good', `answered by the switch itself (${text('service')})`)}\n`;
    case 'drop':
      return dropLines(verdict, paint);
    case 'outside':
      return `${paint('good', `sent on by ${text('by')} on ${text('link')}`)}\n`;
    case 'refused': {
      const { meaning, remedy } = reasonWords(text('reason'));
      const head = paint('bad', `dropped by ${text('by')}: ${text('reason')}`);
      return meaning === '' ? `${head}\n` : `${head}\n  ${meaning}\n  ${remedy}\n`;
    }
    default:
      return `${paint('bad', `not followed to its end: ${text('reason')}`)}\n`;
  }
}
