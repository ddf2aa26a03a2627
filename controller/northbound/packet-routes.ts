/**
 * Questions about one packet, under `/networking/weft/v1/`: what would happen to it, and what does happen to one that is sent for the purpose. Part of
 * DIAGNOSTIC_ROUTES.
 */
import Type from 'typebox';
import { parseIp } from '../../base/ip.ts';
import { PacketSpec } from '../../schema/southbound/diagnostics/trace.ts';
import { checkConnectivity } from '../diagnostics/connectivity.ts';
import type { Explained } from '../diagnostics/hosts.ts';
import { providerAddress } from '../diagnostics/provider-address.ts';
import { checkProvider } from '../diagnostics/provider-check.ts';
import { traceAcrossHosts, traceReply } from '../diagnostics/trace.ts';
import { attachedInterface } from './asked-resource.ts';
import { checkedBody, type DiagnosticRoute } from './diagnostic-route.ts';
import { fault } from './fault.ts';

export const PACKET_ROUTES: readonly DiagnosticRoute[] = [
  {
    method: 'POST',
    path: 'networkInterfaces/{id}/trace',
    query: '?both=',
    summary:
      'what would happen to a packet that the interface sends: each rule that decides, each rewrite, across hosts, to the verdict; with `both=true` also of the answer; ' +
      'body `{"destination", "protocol", "destinationPort"?, "sourcePort"?, "icmpType"?, "ttl"?, "length"?, …}`',
    answer: async (context, { id, query, body }) => {
      const { nic, host } = attachedInterface(context, id);
      const packet = checkedBody(PacketSpec, body);
      const trace = await traceAcrossHosts(context, { host, portId: nic.instanceId }, packet);
      if (query.get('both') !== 'true') return trace;
      const reply = await traceReply(context, trace, packet);
      return { ...trace, ...(reply !== undefined && { reply }) };
    },
  },
  {
    method: 'POST',
    path: 'networkInterfaces/{id}/check',
    query: '',
    summary:
      'sends one real packet as though the interface’s VM had, and says whether it was answered, in what time, or where it or its answer was lost; ' +
      'body `{"destination", "protocol": "icmp" or "tcp", "destinationPort"?, "source"?, "sequence"?, "length"?}`',
    answer: async (context, { id, body }) => {
      const { nic, host } = attachedInterface(context, id);
      const spec = checkedBody(CheckBody, body);
      if (spec.protocol === 'tcp' && spec.destinationPort === undefined) {
        throw fault('InvalidParameterValue', 'TCP needs a port', 'destinationPort');
      }
      return await checkConnectivity(context, nic, host, spec);
    },
  },
  {
    method: 'POST',
    path: 'servers/{id}/check',
    query: '',
    summary:
      'sends one echo request from a server’s provider address to another’s; body `{"destination": address or server, "length"?}`',
    answer: async (context, { id, body }) => {
      const spec = checkedBody(ProviderCheckBody, body);
      return await checkProvider(context, serverNamed(context, id, 'server'), {
        ...spec,
        destination: providerAddressOf(context, spec.destination),
      });
    },
  },
];

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const Sequence = Type.Integer({ minimum: 0, maximum: 65_535 });
const Length = Type.Integer({ minimum: 8, maximum: 8960 });
const Address = Type.String({ minLength: 1, maxLength: 64 });

const CheckBody = Type.Object(
  {
    destination: Address,
    protocol: Type.Union([Type.Literal('icmp'), Type.Literal('tcp')]),
    destinationPort: Type.Optional(Port),
    source: Type.Optional(Address),
    sequence: Type.Optional(Sequence),
    length: Type.Optional(Length),
  },
  { additionalProperties: false },
);

const ProviderCheckBody = Type.Object(
  {
    destination: Type.String({ minLength: 1, maxLength: 128 }),
    length: Type.Optional(Length),
  },
  { additionalProperties: false },
);

function serverNamed(context: Explained, id: string, target: string): string {
  const server = context.desired.byRef(`/servers/${id}`);
  if (server !== undefined) return server.resourceId;
  throw fault('NotFound', `there is no server '${id}'`, target);
}

/** An address as it stands; of a server, its provider address. */
function providerAddressOf(context: Explained, text: string): string {
  if (parseIp(text) !== undefined) return text;
  const address = providerAddress(context.desired, serverNamed(context, text, 'destination'));
  if (address !== undefined) return address;
  const message = `the server '${text}' has no provider address yet`;
  throw fault('ReferencedResourceNotProvisioned', message, text);
}
