/**
 * Bandwidth of ports: goal state's limits and reservations (PortQos, SwitchQos; MS-NCNBI virtualSwitchManager and qosSettings) brought to
 * the frame I/O, which keeps them (docs/design, "Back-pressure outbound, a short queue inbound").
 *
 * A reservation is a weight: when what the ports send exceeds the link's speed, each gets its part in proportion, and what one does not
 * use the others share in the same proportion. In value mode the weights are Mbit/s, so as long as reservations together do not exceed
 * the link every port gets at least its own. Without a known link speed reservations have nothing to divide, and no effect.
 * Called by switch-core after every change of goal state or devices.
 */
import {
  type HostSettings,
  OutboundReservedMode,
  type Port,
  type SwitchQos,
} from '../../schema/southbound/messages.ts';
import { type FrameIo, NO_SHAPING, SHAPING_WEIGHT_MAX, type Shaping } from '../port/frame-io.ts';
import type { ConfiguredPort, PortRecord } from './network-state.ts';

/** Of a port without a reservation where the switch has no default: the smallest there is. */
const WEIGHT_MIN = 1;

interface Shaped {
  readonly device: number;
  /** What the limits were taken from. */
  readonly configured: ConfiguredPort | undefined;
  readonly shaping: Shaping;
}

export class PortShaping {
  readonly #io: Pick<FrameIo, 'setShaping' | 'setLinkSpeed'>;
  /** By port number. */
  readonly #shaped = new Map<number, Shaped>();
  #qos: SwitchQos | undefined;
  #isStale = false;

  constructor(io: Pick<FrameIo, 'setShaping' | 'setLinkSpeed'>) {
    this.#io = io;
  }

  setHost(settings: HostSettings): void {
    this.#qos = settings.qos;
    this.#io.setLinkSpeed(sharesLink(settings.qos) ? settings.qos.linkSpeedKbps : 0);
    this.#isStale = true;
  }

  /** Brings each port's device to what goal state says now. `ports`: those with a device. */
  update(ports: Iterable<readonly [record: PortRecord, device: number]>): void {
    const present = new Set<number>();
    for (const [{ index, configured }, device] of ports) {
      present.add(index);
      const old = this.#shaped.get(index);
      if (!this.#isStale && old?.device === device && old.configured === configured) continue;
      const shaping = shapingOf(configured?.goal, this.#qos);
      const before = old?.device === device ? old.shaping : NO_SHAPING;
      if (!isSame(before, shaping)) this.#io.setShaping(device, shaping);
      this.#shaped.set(index, { device, configured, shaping });
    }
    for (const index of this.#shaped.keys()) if (!present.has(index)) this.#shaped.delete(index);
    this.#isStale = false;
  }
}

/** Limits of a port; none while goal state says nothing of it. */
export function shapingOf(goal: Port | undefined, qos: SwitchQos | undefined): Shaping {
  if (goal === undefined) return NO_SHAPING;
  const reserved = goal.qos?.outboundReservedValue ?? 0;
  return {
    outboundKbps: goal.qos?.outboundKbpsMax ?? 0,
    inboundKbps: goal.qos?.inboundKbpsMax ?? 0,
    weight: sharesLink(qos) ? weightOf(reserved > 0 ? reserved : qos.defaultReservedValue) : 0,
  };
}

function sharesLink(qos: SwitchQos | undefined): qos is SwitchQos {
  return (
    qos !== undefined &&
    qos.linkSpeedKbps > 0 &&
    qos.outboundReservedMode !== OutboundReservedMode.OUTBOUND_RESERVED_NONE
  );
}

function weightOf(reserved: number): number {
  return Math.min(Math.max(Math.floor(reserved), WEIGHT_MIN), SHAPING_WEIGHT_MAX);
}

function isSame(a: Shaping, b: Shaping): boolean {
  return (
    a.outboundKbps === b.outboundKbps && a.inboundKbps === b.inboundKbps && a.weight === b.weight
  );
}
