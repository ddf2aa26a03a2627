/**
 * Frames between VMs and what the switch serves itself: its own answers (answers.ts), packets for the servers of platform addresses in the host's
 * process and theirs back (service-relay.ts), health probes and what answers them (probe-relay.ts). Called by forwarder.
 */
import { Drop } from '../../packet/drop.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import type { Frame } from '../engine/transposition.ts';
import type { PortPolicy } from '../layers/port-policy.ts';
import { Service } from '../layers/services.ts';
import type { Answers } from './answers.ts';
import type { BurstState } from './burst-state.ts';
import type { ServicePort } from './network-state.ts';
import { SERVICE_PORT } from './port-registry.ts';
import { ProbeRelay } from './probe-relay.ts';
import { ServiceRelay } from './service-relay.ts';
import type { SwitchTables } from './tables.ts';
import type { TransmitQueue } from './transmit-queue.ts';

export class ServiceExchange {
  readonly #tables: SwitchTables;
  readonly #answers: Answers;
  readonly #queue: TransmitQueue;
  readonly #burst: BurstState;
  readonly #frame: Frame;
  readonly #key: FlowKey;
  readonly #relay = new ServiceRelay();
  readonly #probeRelay = new ProbeRelay();

  constructor(parts: {
    readonly tables: SwitchTables;
    readonly answers: Answers;
    readonly queue: TransmitQueue;
    readonly burst: BurstState;
  }) {
    this.#tables = parts.tables;
    this.#answers = parts.answers;
    this.#queue = parts.queue;
    this.#burst = parts.burst;
    this.#frame = parts.burst.frame;
    this.#key = parts.burst.key;
  }

  /** The frame at hand, which has come in at the port, is for a service. */
  answer(port: number, service: number): Drop {
    const servicePort = this.#tables.ports.at(port)?.configured?.service;
    const known = SERVICES.find((candidate) => candidate === service);
    if (servicePort === undefined || known === undefined) return Drop.ServiceUnsupported;
    // The switch puts no datagrams together, and what it would read is in another fragment.
    if (this.#key.fragment === Fragment.LATER) return Drop.ServiceUnsupported;
    if (known === Service.RELAY) return this.#toServers(port, servicePort);
    if (known === Service.PROBE_ANSWER) return this.#toProber(port);
    const answers = this.#answers;
    const drop = answers.answer(known, this.#frame, this.#key, servicePort);
    if (drop !== Drop.None || answers.end === answers.at) return drop;
    return this.#queue.emit(port, answers.at, answers.end, answers.vnetAt);
  }

  /** A frame of the host's process that is no health probe: a server of a platform address answers a VM. */
  fromServers(): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const port = this.#relay.portFor(key);
    const service = this.#tables.ports.at(port)?.configured?.service;
    if (service === undefined) return Drop.NotForUs;
    const drop = this.#relay.fromServers(frame, key, service);
    return drop === Drop.None ? this.#queue.emit(port, frame.at, frame.end, frame.vnetAt) : drop;
  }

  /** Port of the VM that a health probe is on its way to; negative: the frame is none. */
  probedPort(): number {
    return this.#probeRelay.portFor(this.#key);
  }

  /** Makes the health probe at hand a frame for its backend; returns the network identifier that it goes by, negative: none. */
  toBackend(policy: PortPolicy): number {
    return this.#probeRelay.toBackend(this.#frame, this.#key, policy);
  }

  #toServers(port: number, service: ServicePort): Drop {
    const frame = this.#frame;
    const drop = this.#relay.toServers(frame, this.#key, port, service, this.#burst.nowSec);
    if (drop !== Drop.None) return drop;
    // Without the service port nobody is there: the host process has not opened it.
    const sent = this.#queue.emit(SERVICE_PORT, frame.at, frame.end, frame.vnetAt);
    return sent === Drop.PortDetached ? Drop.ServiceUnsupported : sent;
  }

  #toProber(port: number): Drop {
    const policy = this.#tables.ports.at(port)?.configured?.policy;
    if (policy === undefined) return Drop.PortUnknown;
    const frame = this.#frame;
    const drop = this.#probeRelay.toProber(frame, this.#key, port, policy, this.#burst.nowSec);
    return drop === Drop.None
      ? this.#queue.emit(SERVICE_PORT, frame.at, frame.end, frame.vnetAt)
      : drop;
  }
}

const SERVICES: readonly Service[] = Object.values(Service);
