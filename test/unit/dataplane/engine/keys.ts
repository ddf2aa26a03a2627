/** Flow keys for the engine tests, made from the few fields that matter there. */
import { EtherType } from '../../../../packet/ethernet.ts';
import { type FlowKey, newFlowKey } from '../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';

/** An IPv4 TCP key unless `changes` say otherwise. */
export function flowKey(changes: Partial<FlowKey> = {}): FlowKey {
  const isIpv6 = changes.etherType === EtherType.IPV6;
  return Object.assign(newFlowKey(), {
    etherType: EtherType.IPV4,
    protocol: IpProtocol.TCP,
    ttl: 64,
    src2: isIpv6 ? 0 : 0xffff,
    src3: 0x0a00_0004,
    dst2: isIpv6 ? 0 : 0xffff,
    dst3: 0x0a00_0005,
    srcPort: 1234,
    dstPort: 80,
    ...changes,
  });
}
