/**
 * SwitchCore: one switch over any FrameIo — tables, flow table, forwarder and counters put together. Knows no threads and opens no
 * devices, so that the same switch runs in a worker over TAPs, in a test over memory and in a simulation.
 *
 *   core.forward(n) → number of descriptors to send with the next exchange; between two of them: applyGoal, attach, detach, expire
 *
 * Called by worker and by tests.
 */
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import { Drop } from '../../packet/drop.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { ResourceError } from '../../schema/southbound/messages.ts';
import { Captures } from '../capture/captures.ts';
import type { Decision } from '../engine/decision.ts';
import { Epochs } from '../engine/epochs.ts';
import { FlowTable } from '../engine/flow-table.ts';
import { FragmentTable } from '../engine/fragment-table.ts';
import { Transpositions } from '../engine/transposition.ts';
import { type SwitchAnswers, switchAnswers } from '../explain/answers.ts';
import type { SwitchMethod } from '../explain/switch-method.ts';
import type { TracerParts } from '../explain/trace-walk.ts';
import { Tracer } from '../explain/tracer.ts';
import { FlowRecorder } from '../flow-log/flow-recorder.ts';
import {
  FLOW_EXPIRY_BURST,
  FLOWS_LISTED_MAX,
  FLOWS_MAX,
  FLOWS_PER_PORT_MAX,
  PORTS_MAX,
} from '../limits.ts';
import { IdleResets } from '../load-balancing/idle-resets.ts';
import type { FrameIo } from '../port/frame-io.ts';
import { Probes } from '../probe/probes.ts';
import { capturedPorts } from './captured-ports.ts';
import { Counters } from './counters.ts';
import { type FlowQuery, listFlows } from './flow-listing.ts';
import { Forwarder } from './forwarder.ts';
import { type AddressBytes, LearnedAddresses } from './learned-addresses.ts';
import type { PortRecord } from './network-state.ts';
import { SERVICE_PORT, UPLINK_PORT } from './port-registry.ts';
import { PortShaping } from './port-shaping.ts';
import type { FlowEntry } from './switch-handle.ts';
import { type GoalChange, SwitchTables } from './tables.ts';

export interface SwitchCoreParts {
  readonly io: FrameIo;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Default: its own. */
  readonly counters?: Counters;
  /** Default: those of limits.ts. */
  readonly flowsMax?: number;
  readonly flowsPerPortMax?: number;
}

export class SwitchCore {
  readonly counters: Counters;
  readonly flowTable: FlowTable;
  readonly transpositions: Transpositions;
  readonly captures: Captures;
  /** Packets of the switch's own, sent as a VM's. */
  readonly probes: Probes;
  /** What goes into the flow log. */
  readonly recorder: FlowRecorder;
  /** Says what would happen to a frame. */
  readonly tracer: Tracer;
  readonly #io: FrameIo;
  readonly #clock: Clock;
  #nowMs: number;
  readonly #tables: SwitchTables;
  readonly #forwarder: Forwarder;
  readonly #shaping: PortShaping;
  readonly #learned = new LearnedAddresses();
  readonly #expired = new Uint32Array(FLOW_EXPIRY_BURST);
  /** Frame I/O's number by port number. */
  readonly #devices = new Map<number, number>();
  readonly #explainer: SwitchAnswers;

  constructor(parts: SwitchCoreParts) {
    const { io, clock } = parts;
    const flowsMax = parts.flowsMax ?? FLOWS_MAX;
    const epochs = new Epochs();
    this.#io = io;
    this.#clock = clock;
    this.#nowMs = clock.now();
    this.counters = parts.counters ?? new Counters();
    // Both directions of every flow may have their own, and one more is needed while a flow changes from one to the other.
    this.transpositions = new Transpositions(flowsMax * 2 + 1);
    this.flowTable = new FlowTable({
      limits: {
        flowsMax,
        flowsPerOwnerMax: parts.flowsPerPortMax ?? Math.min(flowsMax, FLOWS_PER_PORT_MAX),
        ownersMax: PORTS_MAX,
      },
      transpositions: this.transpositions,
      epochs,
      seed: parts.rng.uint32(),
      startSec: this.#nowSec(),
      statistics: this.counters.flows,
    });
    this.#tables = new SwitchTables({
      epochs,
      setPeer: (peer, address, udpPort) => io.setPeer(peer, address, udpPort),
      onPortRemoved: (index) => {
        this.flowTable.removeOwner(index);
        this.flowTable.setOwnerLimit(index, undefined);
        this.counters.clear(index);
        this.#learned.forget(index);
        this.probes.forget(index);
      },
      setFlowLimit: (index, flowsMax) => this.flowTable.setOwnerLimit(index, flowsMax),
      learned: this.#learned,
    });
    this.#shaping = new PortShaping(io);
    const { rng } = parts;
    const { view } = io;
    this.probes = new Probes({ view, tables: this.#tables, flows: this.flowTable, clock, rng });
    this.captures = new Captures(io, clock, capturedPorts(this.#tables));
    const { ports } = this.#tables;
    this.recorder = new FlowRecorder({
      flows: this.flowTable,
      clock,
      portAt: (index) => {
        const mac = ports.at(index)?.configured?.policy.mac;
        const id = ports.at(index)?.id;
        return id === undefined || mac === undefined ? undefined : { id, mac };
      },
    });
    const fragments = new FragmentTable(parts.rng.uint32());
    const macOf = (port: number) => this.#tables.ports.at(port)?.configured?.policy.mac;
    const resets = new IdleResets(this.flowTable, macOf);
    this.#forwarder = new Forwarder({
      io,
      tables: this.#tables,
      flows: this.flowTable,
      transpositions: this.transpositions,
      counters: this.counters,
      captures: this.captures,
      learned: this.#learned,
      fragments,
      probes: this.probes,
      recorder: this.recorder,
      resets,
    });
    this.flowTable.setEnder(resets);
    const explained: TracerParts = {
      tables: this.#tables,
      flows: this.flowTable,
      transpositions: this.transpositions,
      fragments,
      hasDevice: (port) => this.#devices.has(port),
      nowSec: () => this.#nowSec(),
    };
    this.tracer = new Tracer(explained);
    this.#explainer = switchAnswers(explained, this.tracer);
  }

  /** Answers a question about what the switch does; nothing of it changes. Throws an SdnError where the question makes no sense. */
  answer<M extends SwitchMethod>(method: M, question: Question<M>): Answer<M> {
    return this.#explainer[method](question);
  }

  /** Deals with received frames; returns the number of descriptors to send. */
  forward(received: number): number {
    this.#nowMs = this.#clock.now();
    const txCount = this.#forwarder.forward(received, this.#nowSec());
    if (this.probes.isActive) this.probes.age(this.#nowMs);
    return txCount;
  }

  /** How long the next exchange may wait for frames, ms, if it would wait `max`. */
  idleMs(max: number): number {
    return this.probes.isActive ? this.probes.idleMs(this.#clock.now(), max) : max;
  }

  /** Time of the last burst: read from the clock once for all its frames, and for whoever needs it between two bursts. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Brings a change into force; names every resource that is not. */
  applyGoal(change: GoalChange): ResourceError[] {
    const errors = this.#tables.apply(change);
    this.#forwarder.forgetTrust();
    for (const { host } of change.upserts) {
      if (host === undefined) continue;
      this.#shaping.setHost(host);
      this.recorder.configure(host.flowLog?.intervalSec ?? 0);
    }
    this.#shaping.update(this.#attached());
    return errors;
  }

  /** The frame I/O's port `device` is the device of `portId`. Returns the port's number; undefined when there are too many. */
  attach(portId: string, device: number): number | undefined {
    const record = this.#tables.attach(portId);
    if (record === undefined) return undefined;
    assert(!this.#devices.has(record.index), 'a port has one device');
    this.#devices.set(record.index, device);
    this.#forwarder.bind(device, record.index);
    this.#shaping.update(this.#attached());
    return record.index;
  }

  /** The port's device goes; returns the frame I/O's number, which the caller closes. */
  detach(portId: string): number | undefined {
    const record = this.#tables.ports.get(portId);
    if (record === undefined) return undefined;
    const device = this.#devices.get(record.index);
    if (device === undefined) return undefined;
    this.#devices.delete(record.index);
    this.#forwarder.unbind(device);
    this.#tables.detach(record);
    this.#learned.forget(record.index);
    this.#shaping.update(this.#attached());
    return device;
  }

  /** The frame I/O's port `device` is the uplink. */
  setUplink(device: number): void {
    const old = this.#devices.get(UPLINK_PORT);
    if (old !== undefined) this.#forwarder.unbind(old);
    this.#devices.set(UPLINK_PORT, device);
    this.#forwarder.bind(device, UPLINK_PORT);
  }

  /** The frame I/O's port `device` leads to the servers of platform addresses. */
  setServices(device: number): void {
    assert(!this.#devices.has(SERVICE_PORT), 'one service port');
    this.#devices.set(SERVICE_PORT, device);
    this.#forwarder.bind(device, SERVICE_PORT);
  }

  /** Port number by id, for readers of the counters. */
  portIndex(portId: string): number | undefined {
    return this.#tables.ports.get(portId)?.index;
  }

  /** Number of every port, by id; changes with `portsVersion`. */
  portIndices(): [portId: string, index: number][] {
    return this.#tables.ports.all().map(({ id, index }) => [id, index]);
  }

  get portsVersion(): number {
    return this.#tables.ports.version;
  }

  /** Forgets idle flows, a bounded number at a time: true if there are more. To be called once a second, and while there are. */
  expireFlows(): boolean {
    return this.flowTable.expire(this.#nowSec(), this.#expired);
  }

  /** Logs flows that go on, a bounded number at a time: true if there are more. To be called as expireFlows. */
  recordFlows(): boolean {
    return this.recorder.age(this.#nowSec());
  }

  /** Takes over into the counters what the devices have lost on their way in and out. */
  collectLosses(): void {
    for (const [port, device] of this.#devices) {
      const [queueFull, failed, offloadInvalid] = this.#io.transmitDrops(device);
      this.counters.setDroppedToOwner(port, Drop.TransmitQueueFull, queueFull);
      this.counters.setDroppedToOwner(port, Drop.TransmitFailed, failed + offloadInvalid);
      this.counters.setDropped(port, Drop.ReceiveQueueFull, this.#io.receiveDrops(device));
      this.counters.setDroppedToOwner(
        port,
        Drop.InboundRateExceeded,
        this.#io.shapingDrops(device),
      );
    }
  }

  /** Ports whose learned addresses have changed since the last call, with all that they have; once a second. */
  takeLearned(): readonly (readonly [portId: string, addresses: AddressBytes])[] {
    this.#learned.age(this.#nowSec());
    return this.#learned.takeChanged().flatMap((port) => {
      const id = this.#tables.ports.at(port)?.id;
      return id === undefined ? [] : [[id, this.#learned.of(port)] as const];
    });
  }

  flows(query: FlowQuery): FlowEntry[] {
    const { flowTable: flows, transpositions } = this;
    const limit = Math.min(query.limit, FLOWS_LISTED_MAX);
    const { ports, peers } = this.#tables;
    const parts = { flows, transpositions, ports, peers, nowSec: this.#nowSec() };
    return listFlows(parts, { ...query, limit });
  }

  /** Decisions of the last packet that walked its layers. */
  explain(): Decision[] {
    return this.#forwarder.explain();
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    this.flowTable.checkInvariants();
    this.transpositions.checkInvariants(this.flowTable.references);
  }

  /** Ports with a device. */
  *#attached(): Generator<readonly [PortRecord, number]> {
    for (const [port, device] of this.#devices) {
      const record = this.#tables.ports.at(port);
      if (record !== undefined) yield [record, device];
    }
  }

  #nowSec(): number {
    return Math.floor(this.#nowMs / 1000);
  }
}
