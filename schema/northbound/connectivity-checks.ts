/**
 * diagnostics/ConnectivityCheck and ConnectivityCheckResults — MS-NCNBI §3.1.5.22.1, §3.1.5.22.2. The specification names no property for a TCP
 * port; `tcpProtocolConfig.destinationPort` is Weft's, in the manner of IcmpProtocolConfig.
 */
import Type from 'typebox';
import { IpText, ReadOnly, Reference, Words } from './property-types.ts';

export const ConnectivityCheckSchema = Type.Object({
  senderIpAddress: IpText,
  receiverIpAddress: IpText,
  senderVirtualNetwork: Type.Optional(
    Reference(['virtualNetworks'], 'where the sender’s address is one of several'),
  ),
  receiverVirtualNetwork: Type.Optional(Reference(['virtualNetworks'])),
  senderLogicalNetwork: Type.Optional(
    Reference(['logicalNetworks'], 'provider network: from host to host'),
  ),
  receiverLogicalNetwork: Type.Optional(Reference(['logicalNetworks'])),
  protocol: Words(['ICMP', 'TCP']),
  icmpProtocolConfig: Type.Optional(
    Type.Object({
      length: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 8960,
          description: 'of the ICMP message, bytes; 0: as short as may be',
        }),
      ),
      sequenceNumber: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
    }),
  ),
  tcpProtocolConfig: Type.Optional(
    Type.Object({ destinationPort: Type.Integer({ minimum: 1, maximum: 65_535 }) }),
  ),
  operationId: ReadOnly(Type.String()),
  connectivityCheckResult: ReadOnly(Type.Object({ resourceRef: Type.String() })),
  submitTime: ReadOnly(Type.String()),
});
export type ConnectivityCheck = Type.Static<typeof ConnectivityCheckSchema>;

const CHECK_STATUSES = ['InProgress', 'Success', 'Failure'] as const;

export const ConnectivityCheckResultSchema = Type.Object({
  ...ConnectivityCheckSchema.properties,
  result: ReadOnly(
    Type.Object({
      status: Words(CHECK_STATUSES),
      roundTripTimeMSec: Type.Optional(Type.Number()),
      errorMessage: Type.String(),
      nodeOutput: Type.Array(
        Type.Object({
          nodeType: Words(['sender', 'receiver', 'transit']),
          nodeSequenceNumber: Type.Integer(),
          traceOutput: Type.String(),
        }),
      ),
    }),
  ),
});
