/**
 * The real switch and the reference model of load balancing, side by side: after every packet they must agree on where it went, in what form, or why it
 * was dropped; and what trace foretells is what happens. Called by test/unit/model/balanced.test.ts and soak.
 */

import { defined } from '../../base/assert.ts';
import { parseIpWords } from '../../base/ip-words.ts';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { SentFrame } from '../../dataplane/port/memory-frame-io.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { octets, type Rig, rig, tunnelled } from '../unit/dataplane/switch/tenants.ts';
import { isIpv6 } from './address.ts';
import {
  type BalancedCommand,
  type BalancedScenario,
  type Balancer,
  balancedGoal,
  type FlowPlan,
  internalAddress,
  leasedFrom,
  MUX,
  newBalancer,
  type Place,
  placesOf,
  publicAddress,
} from './balanced-plan.ts';
import {
  answered,
  answerTo,
  asks,
  type Entrance,
  entranceOf,
  fromMux,
  type Outcome,
  type Path,
  refused,
} from './balanced-reference.ts';
import { checksumFault } from './checksums.ts';
import { foretell, surprise } from './foretold.ts';
import { frameOf, type PacketSpec, PROTOCOL } from './frame.ts';
import { History } from './history.ts';
import type { Verdict } from './reference.ts';
import { pick } from './scenario.ts';
import { newTenant } from './tenancy.ts';
import { worldOf } from './world.ts';

const SERVERS = ['198.18.0.9', '198.18.0.10'] as const;
const SERVERS6 = ['2001:db8:77::9', '2001:db8:77::10'] as const;
const FLOWS_MAX = 512;

export class BalancedComparison {
  readonly #rig: Rig = rig({ flowsMax: FLOWS_MAX });
  readonly #balancers: readonly Balancer[];
  readonly #devices = new Map<string, number>();
  /** By who asks and what. */
  readonly #paths = new Map<string, Path>();
  #goal = new Map<string, Resource>();
  /** Packets compared, by what became of them. */
  readonly tally: Map<string, number> = new Map();

  constructor({ tenants }: BalancedScenario) {
    this.#balancers = tenants.map((plan, index) => newBalancer(newTenant(index, plan), index));
    this.#applyGoal();
    for (const { nic } of this.#here) {
      if (!this.#devices.has(nic.id)) this.#devices.set(nic.id, this.#rig.attach(nic.id));
    }
  }

  run(commands: readonly BalancedCommand[]): void {
    for (const command of commands) this.#perform(command);
    this.#rig.core.checkInvariants();
  }

  /** Addresses of interfaces that are at this host. */
  get #here(): readonly Place[] {
    return this.#balancers.flatMap(placesOf).filter(({ nic }) => nic.host === 0);
  }

  #perform(command: BalancedCommand): void {
    switch (command.op) {
      case 'ask':
        this.#ask(command);
        return;
      case 'mux':
        this.#arrive(command.tenant, command.which, command.flow);
        return;
      case 'answer':
        this.#answer(command.which);
        return;
      case 'stray':
        this.#stray(command.nic, command.flow);
        return;
      case 'pool': {
        const balancer = defined(pick(this.#balancers, command.tenant), 'a tenant');
        const all = placesOf(balancer).map(({ address }) => address);
        balancer.members = new Set(all.filter((_, at) => command.members[at] === true));
        balancer.draining = new Set(all.filter((_, at) => command.draining[at] === true));
        this.#applyGoal();
        return;
      }
      case 'health': {
        const balancer = defined(pick(this.#balancers, command.tenant), 'a tenant');
        for (const [at, { address }] of placesOf(balancer).entries()) {
          balancer.states.set(address, defined(command.states[at], 'a state'));
        }
        this.#applyGoal();
      }
    }
  }

  #applyGoal(): void {
    const goal = new Map(balancedGoal(this.#balancers).map((each) => [each.key, each]));
    const isNew = (resource: Resource) =>
      JSON.stringify(this.#goal.get(resource.key)) !== JSON.stringify(resource);
    const removes = [...this.#goal.keys()].filter((key) => !goal.has(key));
    const upserts = [...goal.values()].filter(isNew);
    const errors = this.#rig.core.applyGoal({ upserts, removes });
    if (errors.length > 0) throw new Error(`goal refused: ${JSON.stringify(errors)}`);
    this.#goal = goal;
  }

  #world() {
    const attached = new Set(this.#devices.keys());
    const nowSec = Math.floor(this.#rig.clock.now() / 1000);
    return worldOf(this.#goal.values(), { attached, history: new History(), nowSec });
  }

  #ask({ nic, to, which, flow }: BalancedCommand & { readonly op: 'ask' }): void {
    const asker = pick(
      this.#here.filter(({ address }) => isIpv6(address) === flow.isSix),
      nic,
    );
    if (asker === undefined) return;
    const dst = this.#target(to, which, flow.isSix);
    if (dst === undefined || dst === asker.address) return;
    const packet = packetOf(flow, asker.address, dst, asker.nic.mac, VIRTUAL_ROUTER_MAC);
    const name = nameOf(asker.nic.id, packet);
    const path = this.#paths.get(name);
    const entrance = { kind: 'port', place: asker } as const;
    const { sent, drops, detail } = this.#pass(entrance, packet);
    const srcPort = sent === undefined ? packet.segment.srcPort : srcPortOf(innerOf(sent));
    const isFree = !this.#isAwaited(name, packet, srcPort);
    const outcomes = asks(this.#world(), this.#balancers, asker, packet, {
      ...{ path, srcPort, isFree },
    });
    this.#settle(name, packet, outcomes, { sent, drops, detail });
  }

  #target(to: string, which: number, isSix: boolean): string | undefined {
    const balancer = pick(this.#balancers, which);
    if (balancer === undefined) return undefined;
    if (to === 'internal') return internalAddress(balancer, isSix);
    if (to === 'public') return publicAddress(balancer, isSix);
    if (to === 'outside') return pick(isSix ? SERVERS6 : SERVERS, which);
    const all = this.#balancers.flatMap(placesOf);
    return pick(
      all.filter(({ address }) => isIpv6(address) === isSix),
      which,
    )?.address;
  }

  /** May another flow of the asker's wait for the same answers, so that this one has to have another source port? */
  #isAwaited(name: string, { src, segment }: PacketSpec, srcPort: number): boolean {
    if (srcPort !== segment.srcPort) {
      for (const [other, { asked, kind }] of this.#paths) {
        const isSame = other !== name && asked.src === src && kind !== 'outbound';
        if (isSame && asked.segment.protocol === segment.protocol) return true;
      }
    }
    return false;
  }

  #arrive(tenant: number, which: number, flow: FlowPlan): void {
    const balancer = pick(this.#balancers, tenant);
    const backends = balancer === undefined ? [] : placesOf(balancer);
    const backend = pick(
      backends.filter(({ nic, address }) => nic.host === 0 && isIpv6(address) === flow.isSix),
      which,
    );
    if (balancer === undefined || backend === undefined) return;
    const client = (flow.isSix ? SERVERS6 : SERVERS)[which % 2] ?? SERVERS[0];
    const dst = publicAddress(balancer, flow.isSix);
    const packet = packetOf(flow, client, dst, VIRTUAL_ROUTER_MAC, backend.nic.mac);
    const entrance = { kind: 'tunnel', source: MUX, vni: backend.vni } as const;
    const passed = this.#pass(entrance, packet);
    const name = nameOf(`mux ${backend.nic.id}`, packet);
    this.#settle(name, packet, [fromMux(balancer, backend, packet)], passed);
  }

  #answer(which: number): void {
    const entry = pick([...this.#paths], which);
    if (entry === undefined) return;
    const [, path] = entry;
    if (path.isDoubtful) return;
    const entrance = entranceOf(path);
    const answer = answerTo(path);
    const isByTunnel = entrance.kind === 'tunnel';
    const packet = isByTunnel
      ? { ...answer, dstMac: path.asker?.nic.mac ?? answer.dstMac }
      : answer;
    const passed = this.#pass(entrance, packet);
    const verdict = answered(this.#world(), path, packet);
    const isGone = verdict.kind === 'drop' && path.kind === 'public';
    if (isGone && passed.sent !== undefined) {
      // A flow that is no backend's any more is the VM's own: it leaves as itself, never as the virtual address.
      const asItself = frameOf(packet).bytes.slice(14, 54);
      expect(hex(innerOf(passed.sent)).includes(hex(asItself).slice(24, 32)), 'as itself', passed);
      return;
    }
    this.#settle(undefined, packet, [{ verdict }], passed);
  }

  #stray(nic: number, flow: FlowPlan): void {
    const place = pick(
      this.#here.filter(({ address }) => isIpv6(address) === flow.isSix),
      nic,
    );
    const balancer = this.#balancers.find(({ tenant }) =>
      tenant.nics.includes(place?.nic as never),
    );
    const from = place && balancer && leasedFrom(balancer, place.address);
    if (place === undefined || balancer === undefined || from === undefined) return;
    const dst = publicAddress(balancer, flow.isSix);
    const client = flow.isSix ? '2001:db8:77::66' : '198.18.0.66';
    const plan = { ...flow, port: from + 3 };
    const packet = packetOf(plan, client, dst, VIRTUAL_ROUTER_MAC, place.nic.mac);
    const passed = this.#pass({ kind: 'tunnel', source: MUX, vni: place.vni }, packet);
    this.#settle(undefined, packet, [refused('SnatUnasked')], passed);
  }

  /** Plays the packet to the switch, which has to do what it foretells. */
  #pass(entrance: Entrance, packet: PacketSpec): Passed {
    const { bytes, vnet } = frameOf(packet);
    const isPort = entrance.kind === 'port';
    const foretold = foretell(
      this.#rig.core,
      isPort
        ? { kind: 'port', portId: entrance.place.nic.id }
        : {
            kind: 'tunnel',
            source: defined(parseIpWords(entrance.source), entrance.source),
            vni: entrance.vni,
          },
      bytes,
      vnet,
    );
    const before = this.#rig.drops();
    const sent = isPort
      ? this.#rig.pass(defined(this.#devices.get(entrance.place.nic.id), 'a device'), [bytes])
      : this.#rig.pass(this.#rig.uplink, [tunnelled(entrance.vni, bytes)], {
          source: octets(entrance.source),
        });
    const after = this.#rig.drops();
    const drops = Object.entries(after).flatMap(([reason, count]) =>
      new Array<string>(count - (before[reason] ?? 0)).fill(reason),
    );
    const [first, ...more] = sent;
    const from = isPort ? entrance.place.nic.id : `tunnel from ${entrance.source}`;
    const detail = `${from}: ${JSON.stringify(packet)}`;
    const passed = { sent: first, drops, detail };
    expect(more.length === 0, 'one packet of one', passed);
    const unforeseen = surprise(foretold, sent, drops, (device) => this.#portAt(device));
    expect(unforeseen === undefined, String(unforeseen), passed);
    if (first !== undefined) {
      expect(checksumFault(innerOf(first), first.vnet) === undefined, 'right checksums', passed);
    }
    return passed;
  }

  #portAt(device: number): string | undefined {
    return [...this.#devices].find(([, own]) => own === device)?.[0];
  }

  /** What has become of a packet is one of what the model allows; `name`: of a request, which is written down. */
  #settle(
    name: string | undefined,
    asked: PacketSpec,
    outcomes: readonly Outcome[],
    passed: Passed,
  ): void {
    const found = outcomes.find(({ verdict }) => this.#isSo(verdict, passed));
    const wanted = () => `one of ${JSON.stringify(outcomes.map(({ verdict }) => verdict))}`;
    expect(found !== undefined, found === undefined ? wanted() : '', passed);
    if (found === undefined) return;
    const { verdict, path } = found;
    const became = verdict.kind === 'drop' ? (verdict.reasons[0] ?? '') : (path?.kind ?? 'answer');
    const itself = path !== undefined && path.asker?.address === path.backend?.address;
    this.#count(itself && path?.kind === 'internal' ? 'itself' : became);
    if (name === undefined) return;
    if (path !== undefined && (verdict.kind === 'deliver' || verdict.kind === 'tunnel')) {
      this.#paths.set(name, { ...path, asked, became: verdict.packet, isDoubtful: false });
      return;
    }
    const before = this.#paths.get(name);
    if (before !== undefined) this.#paths.set(name, { ...before, isDoubtful: true });
  }

  #isSo(verdict: Verdict, { sent, drops }: Passed): boolean {
    if (verdict.kind === 'drop') {
      const isIt = drops.length === 1 && verdict.reasons.some((reason) => reason === drops[0]);
      return sent === undefined && isIt;
    }
    if (sent === undefined || (verdict.kind !== 'deliver' && verdict.kind !== 'tunnel')) {
      return false;
    }
    if (hex(innerOf(sent)) !== hex(frameOf(verdict.packet).bytes)) return false;
    if (verdict.kind === 'deliver') return this.#portAt(sent.port) === verdict.portId;
    const { uplink } = sent;
    return uplink?.address.join('.') === verdict.host && uplink.vni === verdict.vni;
  }

  #count(became: string): void {
    this.tally.set(became, (this.tally.get(became) ?? 0) + 1);
  }
}

interface Passed {
  readonly sent: SentFrame | undefined;
  readonly drops: readonly string[];
  /** Of the packet, for people. */
  readonly detail: string;
}

function expect(holds: boolean, what: string, { sent, drops, detail }: Passed): void {
  if (holds) return;
  const left = sent === undefined ? `dropped as ${drops}` : `left as ${hex(innerOf(sent))}`;
  const where = sent?.uplink === undefined ? `port ${sent?.port}` : JSON.stringify(sent.uplink);
  throw new Error(`${detail}\nshall be ${what}\n${left} by ${where}`);
}

function packetOf(
  { isTcp, isOpening, srcPort, port }: FlowPlan,
  src: string,
  dst: string,
  srcMac: number,
  dstMac: number,
): PacketSpec {
  return {
    ...{ srcMac, dstMac, isTagged: false, src, dst, ttl: 64, dontFragment: true },
    fragment: 'none',
    segment: {
      protocol: isTcp ? PROTOCOL.TCP : PROTOCOL.UDP,
      ...{ srcPort, dstPort: port, flags: isOpening ? 0x02 : 0x10, type: 0, identifier: 0 },
    },
    ...{ payloadLen: 8, mark: 0x61, offload: 'none' },
  };
}

function nameOf(asker: string, { src, dst, segment }: PacketSpec): string {
  const { protocol, srcPort, dstPort } = segment;
  return [asker, protocol, src, srcPort, dst, dstPort].join(' ');
}

function innerOf({ uplink, bytes }: SentFrame): Uint8Array {
  return uplink === undefined ? bytes : bytes.slice(8);
}

function srcPortOf(frame: Uint8Array): number {
  const l4 = 14 + (frame[12] === 0x86 ? 40 : 20);
  return ((frame[l4] ?? 0) << 8) | (frame[l4 + 1] ?? 0);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
