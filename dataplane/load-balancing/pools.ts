/**
 * Pools of backends, and what probes say of them, as the switch holds them: read from goal state (BackendPool, BackendHealth) and checked.
 * A string as result is the reason why not. Called by virtual-addresses; read by selection and translation.
 */
import { formatIpWords, type IpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import { VNI_MAX } from '../../packet/vxlan.ts';
import type { BackendHealth, BackendPool } from '../../schema/southbound/messages.ts';
import { HealthState } from '../../schema/southbound/messages.ts';
import { BACKEND_WEIGHT_MAX, BACKENDS_PER_POOL_MAX } from '../../slb/hashing/limits.ts';

export interface Backend {
  /** DIP. */
  readonly address: IpWords;
  /** The address as canonical text: what hashing knows the backend by. */
  readonly name: string;
  /** VXLAN network identifier of its subnet. */
  readonly segment: number;
  readonly mac: Mac;
  /** instanceId of its network interface. */
  readonly portId: string;
  /** Of its ipConfiguration. */
  readonly resourceRef: string;
  /** 1 … BACKEND_WEIGHT_MAX. */
  readonly weight: number;
  /** Keeps the flows that it has, and gets no new ones. */
  readonly isDraining: boolean;
  /** Its interface is at some host. */
  readonly isAttached: boolean;
  /** Provider address of that host. */
  readonly host: IpWords | undefined;
}

export interface Pool {
  readonly resourceRef: string;
  readonly backends: readonly Backend[];
  readonly byName: ReadonlyMap<string, Backend>;
}

/** By name of a backend. */
export type Health = ReadonlyMap<string, HealthState>;

export function poolOf({ resourceRef, backends }: BackendPool): Pool | string {
  if (backends.length > BACKENDS_PER_POOL_MAX) {
    return `${backends.length} backends are more than the ${BACKENDS_PER_POOL_MAX} of one pool`;
  }
  const byName = new Map<string, Backend>();
  for (const settings of backends) {
    const { vni, mac, portId, weight, draining, providerAddress } = settings;
    const address = ipWordsFromBytes(settings.address);
    if (address === undefined) return `${settings.resourceRef}: the address is malformed`;
    const name = formatIpWords(address);
    if (byName.has(name)) return `${name} is there twice`;
    if (vni < 1 || vni > VNI_MAX) {
      return `${name}: network identifier ${vni} is none of 1 … ${VNI_MAX}`;
    }
    if (weight < 1 || weight > BACKEND_WEIGHT_MAX) {
      return `${name}: weight ${weight} is none of 1 … ${BACKEND_WEIGHT_MAX}`;
    }
    byName.set(name, {
      address,
      name,
      segment: vni,
      mac,
      portId,
      resourceRef: settings.resourceRef,
      weight,
      isDraining: draining,
      isAttached: providerAddress.length > 0,
      host: ipWordsFromBytes(providerAddress),
    });
  }
  return { resourceRef, backends: [...byName.values()], byName };
}

/** What was known of a backend goes on to hold while nothing is heard of it. */
export function healthOf({ states }: BackendHealth, before: Health | undefined): Health | string {
  const health = new Map<string, HealthState>(before);
  for (const { address, state } of states) {
    const words = ipWordsFromBytes(address);
    if (words === undefined) return 'the address of a backend is malformed';
    const name = formatIpWords(words);
    if (state === HealthState.HEALTH_UNKNOWN) continue;
    health.set(name, state);
  }
  return health;
}
