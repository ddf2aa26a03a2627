/**
 * What is asked of a frame before anybody judges it: may its virtio_net_hdr be believed, and does its flow's key say all about it? Called by
 * dataplane/switch/forwarder and explain/trace-walk, which must agree, and by the edge router.
 */
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import type { Frame } from './transposition.ts';

/** Untagged and to one station: what else the layers judge by, but a flow's key does not hold, takes the slow path every time. */
export function isPlain(frame: Frame, key: FlowKey): boolean {
  const { view, at } = frame;
  return key.l3At === at + ethernet.HEADER_LEN && !ethernet.isToGroup(view, at);
}

/** May the frame's virtio_net_hdr be believed? A super-frame must be what its header says, since others will cut it accordingly. */
export function checkOffload(frame: Frame, key: FlowKey): Drop {
  const { view, at, end, vnetAt } = frame;
  if (end - at > FRAME_BYTES_MAX) return Drop.FrameTooBig;
  const drop = vnetHeader.check(view, vnetAt, end - at);
  if (drop !== Drop.None) return drop;
  const gso = vnetHeader.gsoType(view, vnetAt);
  if (gso === vnetHeader.Gso.NONE) return Drop.None;
  const isUdp = gso === vnetHeader.Gso.UDP_L4;
  const isIpv6 = key.etherType === ethernet.EtherType.IPV6;
  const isTrue =
    key.fragment === Fragment.NONE &&
    key.protocol === (isUdp ? IpProtocol.UDP : IpProtocol.TCP) &&
    (isUdp || isIpv6 === (gso === vnetHeader.Gso.TCPV6));
  return isTrue ? Drop.None : Drop.OffloadInvalid;
}
