/**
 * Two switches whose uplinks are one wire: blue's VMs of tenants.ts, .0.4, .0.5 and .1.4 at the first host, .0.6 and .1.6 at the second.
 * What one sends through a tunnel the other receives.
 */
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import {
  BLUE,
  HOST_ADDRESS,
  hostResource,
  LOCAL,
  mappingResource,
  networkResource,
  octets,
  PEER_ADDRESS,
  portId,
  portResource,
  REMOTE,
  type Rig,
  rig,
  subnetResource,
} from './tenants.ts';

export interface TestHost {
  readonly name: string;
  readonly address: string;
  readonly rig: Rig;
  /** Memory device of each VM here, by port identifier. */
  readonly devices: ReadonlyMap<string, number>;
}

/** A frame that has reached a VM. */
export interface Arrival {
  readonly host: string;
  readonly portId: string;
  readonly bytes: Uint8Array;
}

export interface TwoHosts {
  readonly hosts: readonly [TestHost, TestHost];
  /** The host of a VM. */
  hostOf(address: string): TestHost;
  at(name: string): TestHost;
  /** Brings resources into force at both hosts. */
  apply(upserts: readonly Resource[]): void;
  /** A VM sends a frame; returns what reached any VM by the time that nothing moves any more. */
  send(from: string, frame: Uint8Array): Arrival[];
  /** As send, without a frame: what is under way moves on. */
  settle(): Arrival[];
  /** Drops so far, by host and reason. */
  drops(): Readonly<Record<string, number>>;
}

const WHERE = [
  { name: 'host1', address: HOST_ADDRESS, vms: LOCAL },
  { name: 'host2', address: PEER_ADDRESS, vms: REMOTE },
] as const;

export function twoHosts(): TwoHosts {
  const [first, second] = WHERE.map(startHost);
  if (first === undefined || second === undefined) throw new TypeError('two hosts');
  const hosts = [first, second] as const;
  const hostOf = (address: string) => (WHERE[1].vms.some((vm) => vm === address) ? second : first);
  const carry = (frames: readonly { readonly host: TestHost; readonly sent: SentFrame }[]) => {
    const arrivals: Arrival[] = [];
    let moving = [...frames];
    while (moving.length > 0) {
      const next: { host: TestHost; sent: SentFrame }[] = [];
      for (const { host, sent } of moving) {
        if (sent.uplink === undefined) arrivals.push(arrivalAt(host, sent));
        else {
          const to = hosts.find(({ address }) => address === sent.uplink?.address.join('.'));
          if (to === undefined) continue;
          const delivery = { vnet: sent.vnet, source: octets(host.address) };
          for (const made of to.rig.pass(to.rig.uplink, [sent.bytes], delivery)) {
            next.push({ host: to, sent: made });
          }
        }
      }
      moving = next;
    }
    return arrivals;
  };
  return {
    hosts,
    hostOf,
    at: (name) => (name === first.name ? first : second),
    apply: (upserts) => {
      for (const host of hosts) applyAt(host, upserts);
    },
    send: (from, frame) => {
      const host = hostOf(from);
      const device = host.devices.get(portId(BLUE, from)) ?? -1;
      return carry(host.rig.pass(device, [frame]).map((sent) => ({ host, sent })));
    },
    settle: () =>
      carry(hosts.flatMap((host) => host.rig.pass(-1, []).map((sent) => ({ host, sent })))),
    drops: () =>
      Object.fromEntries(
        hosts.flatMap(({ name, rig: { drops } }) =>
          Object.entries(drops()).map(([reason, count]) => [`${name} ${reason}`, count] as const),
        ),
      ),
  };
}

/** Small, since a property test makes many of them. */
const FLOWS_MAX = 512;

function startHost({ name, address, vms }: (typeof WHERE)[number]): TestHost {
  const made = rig({ flowsMax: FLOWS_MAX });
  const host = { name, address, rig: made, devices: new Map<string, number>() };
  const own = hostResource();
  if (own.host === undefined) throw new TypeError('host settings');
  applyAt(host, [
    { ...own, host: { ...own.host, providerAddress: octets(address) } },
    networkResource(BLUE),
    subnetResource(BLUE, 'web'),
    subnetResource(BLUE, 'db'),
    ...vms.map((vm) => portResource(BLUE, vm)),
    ...WHERE.flatMap((each) => each.vms.map((vm) => mappingResource(BLUE, vm, each.address))),
  ]);
  for (const vm of vms) host.devices.set(portId(BLUE, vm), made.attach(portId(BLUE, vm)));
  return host;
}

/** Ports are of one host each, everything else is of both. */
function applyAt({ name, rig: { core } }: TestHost, upserts: readonly Resource[]): void {
  const own: readonly string[] = WHERE.find((each) => each.name === name)?.vms ?? [];
  const ids = own.map((vm) => `port/${portId(BLUE, vm)}`);
  const mine = upserts.filter(({ key, port }) => port === undefined || ids.includes(key));
  const errors = core.applyGoal({ upserts: mine, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

function arrivalAt({ name, devices }: TestHost, { port, bytes }: SentFrame): Arrival {
  const [id = ''] = [...devices].find(([, device]) => device === port) ?? [];
  return { host: name, portId: id, bytes };
}
