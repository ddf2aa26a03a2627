/**
 * Which backends this host probes, how, and where each is reached: goal state's HealthProbe resources and ports, read and checked. A backend is
 * reached at its slot behind the service port (platform/service-addresses.ts), which follows from its port's number and from which of the
 * port's addresses it is. Called by health-prober.
 */
import { formatIpWords, ipWordsFromBytes, isIpv4Words } from '../../base/ip-words.ts';
import {
  type HealthProbe,
  type Port,
  ProbeProtocol,
  type Resource,
  type ResourceError,
} from '../../schema/southbound/messages.ts';
import { SLOT_ADDRESSES, slotAddress } from '../platform/service-addresses.ts';
import { BACKENDS_PROBED_MAX } from './limits.ts';

export interface ProbedBackend {
  /** Of this backend under this probe, among all of the host. */
  readonly key: string;
  readonly probe: HealthProbe;
  readonly portId: string;
  readonly addressBytes: Uint8Array;
  readonly address: string;
}

/** Where to connect to, or why that is not possible. */
export type Reach =
  | { readonly kind: 'slot'; readonly host: string; readonly authority: string }
  | { readonly kind: 'none'; readonly reason: string };

interface HeldProbe {
  readonly probe: HealthProbe;
  readonly backends: readonly ProbedBackend[];
}

const FAULT_CODE = 'PolicyConfigurationFailure';
const PORT_MAX = 0xffff;
const PROTOCOLS: readonly number[] = Object.values(ProbeProtocol);

export class ProbedBackends {
  readonly #numberOf: (portId: string) => number | undefined;
  readonly #probes = new Map<string, HeldProbe>();
  readonly #ports = new Map<string, Port>();
  #count = 0;

  /** `numberOf`: of a port that a device is attached for, in the switch. */
  constructor(numberOf: (portId: string) => number | undefined) {
    this.#numberOf = numberOf;
  }

  /** Takes a change over; says what of it is refused, and keeps the last good form of that. */
  note(change: {
    readonly upserts: readonly Resource[];
    readonly removes: readonly string[];
  }): ResourceError[] {
    for (const key of change.removes) this.#remove(key);
    const errors: ResourceError[] = [];
    for (const { key, port, healthProbe } of change.upserts) {
      if (port !== undefined) this.#ports.set(port.id, port);
      const message = healthProbe === undefined ? undefined : this.#set(healthProbe);
      if (message !== undefined) errors.push({ key, code: FAULT_CODE, message });
    }
    return errors;
  }

  get count(): number {
    return this.#count;
  }

  *all(): Generator<ProbedBackend> {
    for (const { backends } of this.#probes.values()) yield* backends;
  }

  /** As things stand now; to be asked with every probe. */
  reach({ portId, address, probe }: ProbedBackend): Reach {
    const goal = this.#ports.get(portId);
    const number = this.#numberOf(portId);
    if (goal === undefined || number === undefined) {
      return { kind: 'none', reason: 'the network interface is not attached to this host' };
    }
    const isIpv4 = !address.includes(':');
    const which = addressesOf(goal, isIpv4).indexOf(address);
    if (which < 0) {
      return { kind: 'none', reason: `the network interface does not have ${address}` };
    }
    if (which >= SLOT_ADDRESSES) {
      const reason = `only the first ${SLOT_ADDRESSES} addresses of a network interface are probed`;
      return { kind: 'none', reason };
    }
    const host = formatIpWords(slotAddress(isIpv4, number, which));
    const authority = isIpv4 ? `${address}:${probe.port}` : `[${address}]:${probe.port}`;
    return { kind: 'slot', host, authority };
  }

  #set(probe: HealthProbe): string | undefined {
    const fault = faultOf(probe);
    if (fault !== undefined) return fault;
    const backends = new Map<string, ProbedBackend>();
    for (const { portId, address: addressBytes } of probe.backends) {
      const words = ipWordsFromBytes(addressBytes);
      if (words === undefined) return 'the address of a backend is malformed';
      const address = formatIpWords(words);
      const key = `${probe.id}/${portId}/${address}`;
      backends.set(key, { key, probe, portId, addressBytes, address });
    }
    const known = this.#probes.get(probe.id)?.backends.length ?? 0;
    const count = this.#count - known + backends.size;
    if (count > BACKENDS_PROBED_MAX) {
      return `with ${count} backends the host would probe more than ${BACKENDS_PROBED_MAX}`;
    }
    this.#count = count;
    this.#probes.set(probe.id, { probe, backends: [...backends.values()] });
    return undefined;
  }

  #remove(key: string): void {
    const at = key.indexOf('/');
    const kind = key.slice(0, at);
    const id = key.slice(at + 1);
    if (kind === 'port') this.#ports.delete(id);
    if (kind !== 'healthprobe') return;
    this.#count -= this.#probes.get(id)?.backends.length ?? 0;
    this.#probes.delete(id);
  }
}

function faultOf({ protocol, port, intervalSec, failuresMax }: HealthProbe): string | undefined {
  if (!PROTOCOLS.includes(protocol)) return `protocol ${protocol} of the probe is unknown`;
  if (port < 1 || port > PORT_MAX) return `port ${port} of the probe is no TCP port`;
  if (intervalSec < 1) return 'the interval of the probe is less than a second';
  return failuresMax < 1 ? 'the number of probes is less than one' : undefined;
}

/** The port's own addresses of a family, in the order of its slots (switch/probe-relay.ts). */
function addressesOf({ ipConfigurations }: Port, isIpv4: boolean): readonly string[] {
  return ipConfigurations.flatMap(({ address, learned }) => {
    const words = learned ? undefined : ipWordsFromBytes(address);
    return words !== undefined && isIpv4Words(words) === isIpv4 ? [formatIpWords(words)] : [];
  });
}
