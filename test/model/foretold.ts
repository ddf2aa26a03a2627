/**
 * What the switch says it would do with a frame, held against what it then does: the trace changes nothing, and foretells egress, bytes,
 * offload and reason of drop. Called by comparison for every packet.
 */
import type { Entrance } from '../../dataplane/explain/trace-walk.ts';
import type { Trace } from '../../dataplane/explain/tracer.ts';
import type { SentFrame } from '../../dataplane/port/memory-frame-io.ts';
import { UPLINK_PORT } from '../../dataplane/switch/port-registry.ts';
import type { SwitchCore } from '../../dataplane/switch/switch-core.ts';
import { DROP_NAMES, Drop } from '../../packet/drop.ts';
import type { VnetHeader } from '../../packet/vnet-header.ts';
import { isExplained } from './explained.ts';
import { wholeOf } from './whole.ts';

export interface Foretold {
  readonly trace: Trace;
  readonly port: number;
}

/** Asks what would happen; throws where asking has changed something. */
export function foretell(
  core: SwitchCore,
  entrance: Entrance,
  bytes: Uint8Array,
  vnet: VnetHeader,
): Foretold {
  const port = entrance.kind === 'tunnel' ? UPLINK_PORT : (core.portIndex(entrance.portId) ?? -1);
  const before = stateOf(core, port);
  const trace = core.tracer.trace(entrance, bytes, { vnet });
  const after = stateOf(core, port);
  if (before !== after) throw new Error(`a trace changes the switch: ${before} to ${after}`);
  core.checkInvariants();
  return { trace, port };
}

function stateOf(core: SwitchCore, port: number): string {
  const transpositions = core.transpositions.count;
  return JSON.stringify([...core.flowTable.views(), core.counters.read(port), transpositions]);
}

/** Where the switch does something else than it has said, in words; undefined: it does the same. */
export function surprise(
  { trace }: Foretold,
  sent: readonly SentFrame[],
  drops: readonly string[],
  portOf: (device: number) => string | undefined,
): string | undefined {
  const { verdict } = trace.answer;
  if (!isExplained(trace.answer))
    return `the trace does not say which rule: ${JSON.stringify(trace.answer)}`;
  if (verdict.kind === 'drop') {
    const isSame = drops.length === 1 && drops[0] === verdict.reason;
    return isSame ? undefined : `foretold drop ${verdict.reason}, dropped as ${drops}`;
  }
  if (trace.drop !== Drop.None) return `a verdict with a drop ${DROP_NAMES[trace.drop]}`;
  if (drops.length > 0) return `foretold ${verdict.kind}, dropped as ${drops}`;
  const [first, ...more] = sent;
  if (first === undefined)
    return trace.bytes === undefined ? undefined : 'foretold, but nothing left';
  const fragments = verdict.kind === 'tunnel' ? (verdict.fragments ?? 1) : 1;
  if (sent.length !== fragments) return `foretold ${fragments} frames, ${sent.length} left`;
  const inner = sent.map(({ uplink, bytes }) => (uplink === undefined ? bytes : bytes.slice(8)));
  const bytes = more.length > 0 ? wholeOf(inner) : (inner[0] ?? first.bytes);
  if (typeof bytes === 'string') return bytes;
  const [foretold, real] = [trace.bytes ?? new Uint8Array(), bytes].map((each) =>
    Buffer.from(each).toString('hex'),
  );
  if (foretold !== real) return `foretold ${foretold}, left as ${real}`;
  if (verdict.kind === 'deliver' && portOf(first.port) !== verdict.portId) {
    return `foretold ${verdict.portId}, delivered to ${portOf(first.port)}`;
  }
  if (verdict.kind !== 'tunnel') return undefined;
  const { uplink } = first;
  const isSame = uplink?.vni === verdict.vni && uplink.address.join('.') === verdict.to;
  return isSame ? undefined : `foretold ${JSON.stringify(verdict)}, tunnelled ${uplink?.vni}`;
}
