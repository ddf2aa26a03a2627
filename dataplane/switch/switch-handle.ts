/**
 * SwitchHandle — the switch as the host agent's main thread sees it. Forwarding itself runs in a worker; what is here sends it requests
 * and reads its shared counters. The switch knows goal state and devices, nothing of controllers, files or REST.
 *
 * Order is free: goal state may describe a port before a device is attached for it or after. A port forwards once it has both. The
 * uplink is opened when goal state's `host` resource names the provider address, which the interface has by then.
 * Implemented by dataplane/switch; a stand-in for tests is in test/unit/dataplane/host-agent.
 */

import type { GoalChange } from '../../agent/agent.ts';
import type { Logger } from '../../base/log.ts';
import type { CaptureRequest, CaptureStatus } from '../../schema/southbound/diagnostics/capture.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { ResourceError } from '../../schema/southbound/messages.ts';
import type { CaptureChunk } from '../capture/captures.ts';
import type { FlowCounts } from '../engine/flow-statistics.ts';
import type { SwitchMethod } from '../explain/switch-method.ts';
import type { FlowRecordBatch } from '../flow-log/flow-record.ts';
import type { ProbeMethod } from '../probe/probes.ts';

/** What carries a port's frames. */
export interface Device {
  /** `tap`: the switch holds the TAP, its interface is the VM's. `netdev`: an existing interface, through a packet socket. */
  readonly kind: 'tap' | 'netdev';
  /** Of the interface. */
  readonly name: string;
  /** Name under /run/netns, or absolute path; absent: the switch's own namespace. */
  readonly namespace?: string;
  /** Re-attach only: a missing TAP is a fault, not made anew. */
  readonly mustExist: boolean;
}

export interface AttachedDevice {
  /** A TAP that was not there before: whoever asked for it removes it when the port goes. */
  readonly wasCreated: boolean;
}

/** rx and tx as on any switch: rx is what the port's owner sent, tx what was delivered to it. */
export interface PortCounters {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** What it sent and the switch forwarded, where metering is on and something has been counted. */
  readonly egress?: EgressCounters;
  /** Of the uplink: packets of connections that are not here, given back to the mux; absent while there are none. */
  readonly givenBack?: number;
  /** By reason name (packet/drop.ts); reasons that never occurred are absent. */
  readonly drops: Readonly<Record<string, number>>;
  /** Of these, what was on its way to the port's owner. */
  readonly txDrops: Readonly<Record<string, number>>;
  readonly flows: FlowCounts;
}

/** Billed: to a destination outside the virtual network, its peers and its unbilled prefixes. */
export interface EgressCounters {
  readonly billedPackets: number;
  readonly billedBytes: number;
  readonly unbilledPackets: number;
  readonly unbilledBytes: number;
}

/** One unidirectional flow, for people. */
export interface FlowEntry {
  readonly portId: string;
  readonly direction: 'inbound' | 'outbound';
  /** `tcp`, `udp`, `icmp` or the protocol number. */
  readonly protocol: string;
  readonly src: string;
  readonly srcPort: number;
  readonly dst: string;
  readonly dstPort: number;
  readonly packets: number;
  readonly bytes: number;
  readonly idleMs: number;
  /** TCP state or ''. */
  readonly state: string;
  /** What happens to its packets: `deliver to …`, `encapsulate VNI … to …`, `drop AclDenied`. */
  readonly action: string;
}

export interface SwitchHandle {
  /** Brings a change into force as a whole; names each resource it could not, of which the last good version stays. */
  applyGoal(change: GoalChange): Promise<readonly ResourceError[]>;
  /** Opens a device for the port `portId`. Rejects with an SdnError when the system refuses it (native DeviceError) or it has one. */
  attach(portId: string, device: Device): Promise<AttachedDevice>;
  /** Closes the port's device; true if it had one. A persistent TAP stays. */
  detach(portId: string): Promise<boolean>;
  /** Opens the service port, a TAP of this name that leads to the servers of platform addresses. Once. */
  openServices(name: string): Promise<void>;
  /** Id of the port with this number, by which those servers know who asks; undefined when there is none. */
  portIdAt(number: number): string | undefined;
  /** Of a port that is attached or described; undefined otherwise. */
  portNumber(portId: string): number | undefined;
  /** Of a port that is attached or described; undefined otherwise. */
  counters(portId: string): PortCounters | undefined;
  uplinkCounters(): PortCounters;
  /** At most `limit` flows, of one port or of all. */
  flows(query: { readonly portId?: string; readonly limit: number }): Promise<readonly FlowEntry[]>;
  /** Starts recording frames. Rejects with an SdnError when the request makes no sense or too many captures are open. */
  startCapture(request: CaptureRequest): Promise<CaptureStatus>;
  /** What the capture has recorded since the last read, a piece of a pcapng file of at most so many bytes; default: all there is. */
  readCapture(id: number, bytesMax?: number): Promise<CaptureChunk>;
  /** Records nothing more; what is there can still be read. */
  stopCapture(id: number): Promise<CaptureStatus>;
  captures(): Promise<readonly CaptureStatus[]>;
  /** Records of the flow log that have been made since the last call, at most RECORDS_PER_FETCH_MAX. */
  takeFlowRecords(): Promise<FlowRecordBatch>;
  /** A question about what the switch does (schema/southbound/diagnostics). Rejects with an SdnError where it makes no sense. */
  answer<M extends SwitchMethod>(method: M, question: Question<M>): Promise<Answer<M>>;
  /** Sends a probe, or notes what comes of one. Rejects with an SdnError where that is not possible. */
  probe<M extends ProbeMethod>(method: M, question: Question<M>): Promise<Answer<M>>;
  /** The forwarding loop runs and answers. */
  readonly isHealthy: boolean;
  /** Closes every device. Persistent TAPs stay in their namespaces. */
  close(): Promise<void>;
}

export interface SwitchOptions {
  /** False: no super-frames anywhere. */
  readonly hasOffload: boolean;
  readonly log: Logger;
  /** The port's device has disappeared with its namespace; the switch has closed it. */
  onDeviceGone(portId: string): void;
  /** The addresses that the port has learned are these now, each 4 or 16 bytes. */
  onLearned(portId: string, addresses: readonly Uint8Array[]): void;
  /** The switch cannot go on; its process should end and start anew. */
  onFailed(reason: Error): void;
}

/** Resolves when the forwarding loop runs. */
export type StartSwitch = (options: SwitchOptions) => Promise<SwitchHandle>;
