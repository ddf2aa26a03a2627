/**
 * Generates docs/pipeline.md from the running order of layers (dataplane/layers/order.ts) and what each layer says of itself. So the page
 * shows the pipeline that forwards, not one that somebody remembers.
 *
 * Run by `npm run generate`; a unit test regenerates and compares.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LayerDefinition } from '../dataplane/layers/layer-definition.ts';
import { PORT_LAYERS, PROBER_LAYERS, UPLINK_LAYERS } from '../dataplane/layers/order.ts';
import { DROP_NAMES } from '../packet/drop.ts';
import { REPOSITORY } from './source-files.ts';

type Described = Omit<LayerDefinition, 'build'>;

const HEADER = `# The pipeline

What happens to a frame in a host's switch, layer by layer. This page is generated from the order the switch runs (\`npm run generate\`;
\`dataplane/layers/order.ts\`), the terms are in the [glossary](glossary.md), the drop reasons in [errors](errors.md#drops).

Every port has **layers**, each layer has **groups** of **rules** per direction, and in each group the first rule that matches decides. Directions are
the VM's: outbound is what it sends. A packet passes the layers downwards on its way out and upwards on its way in:

`;

const FLOWS = `
## Flows

Only the first packet of a flow walks the layers. What its rules decide (push, pop, modify a header, deliver where) is composed into one *header
transposition* and kept in the *unified flow table* under the packet's addresses, ports, protocol and the place it entered by. Every later packet is one
lookup and one transposition, also between two VMs of the same host, where the sender's entry holds both ports' layers together.

Each port has its own pair of entries per flow: what it sends and what is delivered to it. So each port knows by itself which side asked and which
answers, whichever way the packets take: an answer that comes straight to a request that went through an appliance is still an answer. In
stateful layers an answer is judged by its request ([0007](design/0007-replies-are-judged-by-their-request.md)).

An ICMP error goes the way of the flow that would answer the packet it quotes, and exists as long as that flow does; otherwise it is dropped as
\`IcmpErrorUnrelated\`. Fragments are of the flow of their datagram's first one; one that comes before it is dropped as \`FragmentWithoutFirst\`.
An IPv4 packet without DF that is longer than its tunnel takes leaves in fragments; with DF, and over IPv6, it is dropped as \`FrameTooBig\` and its
sender told what fits.

A change of policy moves an *epoch*: of a port, or of one address mapping. Flows that were resolved under an earlier epoch walk the layers again with
their next packet, so a change also reaches connections that are already open.
`;

export function pipelineDocument(): string {
  return [
    HEADER,
    diagram(),
    '\n## Layers of a VM’s port\n',
    ...PORT_LAYERS.map(section),
    '\n## Layers of the uplink\n',
    ...UPLINK_LAYERS.map(section),
    '\n## Layers of health probes\n',
    ...PROBER_LAYERS.map(section),
    FLOWS,
  ].join('');
}

function diagram(): string {
  const names = PORT_LAYERS.map(({ name }) => name);
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => `      │   ${name.padEnd(width)}   ▲`);
  const tunnel = UPLINK_LAYERS.map(({ name }) => name).join(', ');
  return [
    '```text',
    `  outbound  ${' '.repeat(width - 2)}inbound`,
    ...rows,
    `      ▼   ${' '.repeat(width)}   │`,
    '  another port of this host, or',
    `  VXLAN to the host that has the address, whose uplink has: ${tunnel}`,
    '```',
    '',
  ].join('\n');
}

function section(layer: Described): string {
  const direction = (name: string, text: string) =>
    `- **${name}**: ${text === '' ? 'nothing to do.' : text}\n`;
  const drops = layer.drops.map((drop) => `\`${DROP_NAMES[drop] ?? drop}\``).join(', ');
  return [
    `\n### ${layer.name}\n\n${layer.purpose}\n\n`,
    direction('Outbound', layer.outbound),
    direction('Inbound', layer.inbound),
    `- **Drops**: ${drops === '' ? 'none' : drops}.\n`,
  ].join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('docs/pipeline.md', REPOSITORY), pipelineDocument());
}
