/**
 * What a neighbour's messages are counted by, in the shape of MS-NCNBI's bgpPeers `statistics` (§3.1.5.17.2.2): sent and received, and when last.
 */
import { MessageType } from '../message/framing.ts';

export interface MessageCounter {
  sentCount: number;
  receivedCount: number;
  /** Wall clock, milliseconds since 1970; undefined: never. */
  lastSent: number | undefined;
  lastReceived: number | undefined;
}

export interface SessionStatistics {
  /** Wall clock of the last connection that came about, and of the last that went away. */
  tcpConnectionEstablished: number | undefined;
  tcpConnectionClosed: number | undefined;
  readonly messages: Readonly<Record<MessageType, MessageCounter>>;
  bytesSent: number;
  bytesReceived: number;
  /** Times the session came up. */
  establishedCount: number;
}

export function sessionStatistics(): SessionStatistics {
  return {
    tcpConnectionEstablished: undefined,
    tcpConnectionClosed: undefined,
    messages: {
      [MessageType.Open]: counter(),
      [MessageType.Update]: counter(),
      [MessageType.Notification]: counter(),
      [MessageType.Keepalive]: counter(),
      [MessageType.RouteRefresh]: counter(),
    },
    bytesSent: 0,
    bytesReceived: 0,
    establishedCount: 0,
  };
}

function counter(): MessageCounter {
  return { sentCount: 0, receivedCount: 0, lastSent: undefined, lastReceived: undefined };
}
