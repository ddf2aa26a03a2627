/**
 * The real switch and the reference model, side by side: a scenario is played to both, and after every packet they must agree on where it
 * went, in what form, or why it was dropped. Beside that, whatever the model says: no byte of one tenant ever reaches another, and
 * every frame that leaves has right checksums. Called by test/unit/model and soak.
 */
import { type IpWords, parseIpWords } from '../../base/ip-words.ts';
import { millis } from '../../base/units.ts';
import type { SentFrame } from '../../dataplane/port/memory-frame-io.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { octets, type Rig, rig, tunnelled } from '../unit/dataplane/switch/tenants.ts';
import { checksumFault } from './checksums.ts';
import { type Foretold, foretell, surprise } from './foretold.ts';
import { SeenFragments } from './fragments.ts';
import { type Frame, frameOf, hasPorts, ipLengthOf, type PacketSpec } from './frame.ts';
import { History } from './history.ts';
import { mayCross } from './isolation.ts';
import { fromPort, fromTunnel, unplaced, type Verdict } from './reference.ts';
import { type Command, packetOf, pick, replyTo, type Scenario, sentOn } from './scenario.ts';
import { goalOf, HOSTS, type Nic, newTenant, type Tenant, vniOf } from './tenancy.ts';
import { packetBytesMax, wholeOf } from './whole.ts';
import { forwarderAt, worldOf } from './world.ts';

/** Model and switch differ, or an invariant is broken. */
export class Disagreement extends Error {}

interface Delivered {
  /** Whose VM has sent it, and whose has received it. */
  readonly from: Tenant;
  readonly to: Tenant;
  readonly receiver: Nic;
  readonly packet: PacketSpec;
}

const FLOWS_MAX = 512;

export class Comparison {
  readonly #rig: Rig = rig({ flowsMax: FLOWS_MAX });
  readonly #tenants: readonly Tenant[];
  readonly #nics: readonly { readonly tenant: Tenant; readonly nic: Nic }[];
  readonly #devices = new Map<string, number>();
  readonly #delivered: Delivered[] = [];
  readonly #history = new History();
  readonly #fragments = new SeenFragments();
  #goal = new Map<string, Resource>();
  /** Packets compared, by what became of them: a kind of verdict, or the name of a drop. */
  readonly tally: Map<string, number> = new Map();

  constructor(scenario: Scenario) {
    this.#tenants = scenario.tenants.map((plan, index) => newTenant(index, plan));
    this.#nics = this.#tenants.flatMap((tenant) => tenant.nics.map((nic) => ({ tenant, nic })));
    this.#applyGoal();
    for (const { nic } of this.#nics) if (nic.isAttached) this.#attach(nic);
  }

  run(commands: readonly Command[]): void {
    for (const command of commands) this.#perform(command);
    this.#rig.core.checkInvariants();
  }

  #perform(command: Command): void {
    switch (command.op) {
      case 'send': {
        const sender = pick(this.#nics, command.nic);
        if (sender === undefined) return;
        const packet = packetOf(command.packet, sender.tenant, sender.nic, this.#tenants);
        if (packet === undefined) return;
        for (let n = 0; n < command.times; n += 1) this.#send(sender.tenant, sender.nic, packet);
        return;
      }
      case 'tunnel': {
        const tenant = pick(this.#tenants, command.tenant);
        const packet = tenant && packetOf(command.packet, tenant, undefined, this.#tenants);
        if (tenant === undefined || packet === undefined) return;
        const vni = this.#vniOf(tenant, command.subnet ?? subnetWith(tenant, packet.dst));
        this.#arrive(tenant, { source: HOSTS[command.host] ?? '192.0.2.77', vni }, packet);
        return;
      }
      case 'reply':
        this.#reply(command.to, command.flags);
        return;
      case 'forward':
        this.#forward(command.of);
        return;
      case 'wait':
        this.#rig.clock.advance(millis(command.sec * 1000));
        this.#rig.core.forward(0);
        while (this.#rig.core.expireFlows());
        this.#history.expire(this.#nowSec());
        return;
      default:
        this.#change(command);
    }
  }

  #change(
    command: Exclude<Command, { op: 'send' | 'tunnel' | 'reply' | 'forward' | 'wait' }>,
  ): void {
    if ('tenant' in command) {
      const tenant = pick(this.#tenants, command.tenant);
      if (tenant !== undefined) changeTenant(tenant, command);
    } else {
      const nic = pick(this.#nics, command.nic)?.nic;
      if (nic === undefined) return;
      if (command.op === 'move') nic.host = command.host;
      else if (command.op === 'list') nic.list = command.list;
      else if (command.op === 'configure') nic.isConfigured = !nic.isConfigured;
      else if (command.op === 'spoofing') nic.macSpoofing = !nic.macSpoofing;
      else if (command.op === 'forwarding') nic.ipForwarding = !nic.ipForwarding;
      else if (nic.isAttached) this.#detach(nic);
      else this.#attach(nic);
    }
    this.#applyGoal();
    for (const { nic } of this.#nics) {
      if (!nic.isConfigured && !nic.isAttached) this.#history.forget(nic.id);
    }
  }

  #applyGoal(): void {
    const goal = new Map(goalOf(this.#tenants).map((resource) => [resource.key, resource]));
    const isNew = (resource: Resource) =>
      JSON.stringify(this.#goal.get(resource.key)) !== JSON.stringify(resource);
    const errors = this.#rig.core.applyGoal({
      upserts: [...goal.values()].filter(isNew),
      removes: [...this.#goal.keys()].filter((key) => !goal.has(key)),
    });
    if (errors.length > 0) throw new Disagreement(`goal refused: ${JSON.stringify(errors)}`);
    this.#goal = goal;
  }

  #attach(nic: Nic): void {
    nic.isAttached = true;
    this.#devices.set(nic.id, this.#rig.attach(nic.id));
  }

  #detach(nic: Nic): void {
    nic.isAttached = false;
    this.#devices.delete(nic.id);
    const device = this.#rig.core.detach(nic.id);
    if (device !== undefined) this.#rig.io.detach(device);
  }

  #reply(to: number, flags: number): void {
    const answered = pick(this.#delivered, to);
    if (answered === undefined) return;
    const { from, to: tenant, receiver, packet } = answered;
    const isForReceiver = receiver.addresses.some(({ address }) => address === packet.dst);
    const reply = isForReceiver ? replyTo(packet, receiver, flags) : undefined;
    if (reply !== undefined) this.#sendFrom(tenant, receiver, reply, from);
  }

  #forward(of: number): void {
    const received = pick(this.#delivered, of);
    if (received === undefined) return;
    const { to, receiver, packet } = received;
    const isForReceiver = receiver.addresses.some(({ address }) => address === packet.dst);
    const next = isForReceiver ? undefined : sentOn(packet, receiver);
    if (next !== undefined) this.#sendFrom(to, receiver, next, to);
  }

  /** A VM sends to one of tenant `to`: through its port here, or through a tunnel from the host it is at. */
  #sendFrom(tenant: Tenant, nic: Nic, packet: PacketSpec, to: Tenant): void {
    if (nic.isAttached) {
      this.#send(tenant, nic, packet);
      return;
    }
    const target = to.nics.find(({ addresses }) =>
      addresses.some(({ address }) => address === packet.dst),
    );
    const vni = this.#vniOf(to, subnetWith(to, packet.dst));
    const dstMac = target?.mac ?? packet.dstMac;
    this.#arrive(to, { source: HOSTS[nic.host ?? 1] ?? '', vni }, { ...packet, dstMac });
  }

  #vniOf(tenant: Tenant, subnet: number): number {
    return vniOf(this.#tenants.indexOf(tenant), subnet);
  }

  #world() {
    return worldOf(this.#goal.values(), {
      attached: new Set(this.#devices.keys()),
      history: this.#history,
      nowSec: this.#nowSec(),
    });
  }

  #nowSec(): number {
    return Math.floor(this.#rig.clock.now() / 1000);
  }

  #send(tenant: Tenant, nic: Nic, packet: PacketSpec): void {
    const device = this.#devices.get(nic.id);
    if (device === undefined) return;
    const judged = this.#fragments.complete(nic.id, packet, this.#rig.clock.now());
    const verdict =
      unplaced(judged.packet, judged.isFirstKnown) ??
      fromPort(this.#world(), nic.id, judged.packet);
    const frame = frameOf(packet);
    const foretold = foretell(
      this.#rig.core,
      { kind: 'port', portId: nic.id },
      frame.bytes,
      frame.vnet,
    );
    const before = this.#rig.drops();
    const sent = this.#rig.pass(device, [frame.bytes], { vnet: frame.vnet });
    const drops = increase(before, this.#rig.drops());
    this.#compare({ tenant, packet, verdict, sent, drops, sender: device, what: nic.id, foretold });
  }

  #arrive(
    tenant: Tenant,
    tunnel: { readonly source: string; readonly vni: number },
    packet: PacketSpec,
  ): void {
    const world = this.#world();
    const isKnownHost = fromTunnel(world, tunnel, packet);
    const isBelieved =
      isKnownHost.kind !== 'drop' || !isKnownHost.reasons.includes('OuterSourceUnknown');
    const subnet = world.subnets.find(({ vni }) => vni === tunnel.vni);
    const place = forwarderAt(world, subnet, packet.dstMac)?.id ?? tunnel.vni;
    const judged = isBelieved
      ? this.#fragments.complete(`to ${place}`, packet, this.#rig.clock.now())
      : { packet, isFirstKnown: true };
    const verdict =
      (isBelieved ? unplaced(judged.packet, judged.isFirstKnown) : undefined) ??
      fromTunnel(world, tunnel, judged.packet);
    const frame = frameOf(packet);
    const foretold = foretell(
      this.#rig.core,
      { kind: 'tunnel', source: words(tunnel.source), vni: tunnel.vni },
      frame.bytes,
      frame.vnet,
    );
    const before = this.#rig.drops();
    const { uplink } = this.#rig;
    const sent = this.#rig.pass(uplink, [tunnelled(tunnel.vni, frame.bytes)], {
      vnet: frame.vnet,
      source: octets(tunnel.source),
    });
    const drops = increase(before, this.#rig.drops());
    const what = `tunnel ${tunnel.source} ${tunnel.vni}`;
    this.#compare({ tenant, packet, verdict, sent, drops, sender: uplink, what, foretold });
  }

  #compare(outcome: Outcome): void {
    const { tenant, verdict, sent, drops, sender } = outcome;
    this.#count(verdict.kind === 'drop' ? (verdict.reasons[0] ?? '') : verdict.kind);
    for (const frame of sent) this.#checkInvariants(outcome, frame);
    const unforeseen = surprise(outcome.foretold, sent, drops, (device) => this.#portIdOf(device));
    if (unforeseen !== undefined) throw new Disagreement(`${unforeseen}\n${describe(outcome)}`);
    const [first, ...more] = sent;
    const expect = (holds: boolean, why: string) => {
      if (!holds) throw new Disagreement(`${why}\n${describe(outcome)}`);
    };
    switch (verdict.kind) {
      case 'deliver':
      case 'tunnel': {
        const isCut = verdict.kind === 'tunnel' && ipLengthOf(verdict.packet) > verdict.mtu;
        expect(first !== undefined && (more.length === 0 || isCut), 'one frame leaves');
        if (first === undefined) return;
        const expected = frameOf(isCut ? { ...verdict.packet, offload: 'none' } : verdict.packet);
        const inner = sent.map(innerOf);
        const became = isCut ? wholeOf(inner) : inner[0];
        if (typeof became === 'string') throw new Disagreement(`${became}\n${describe(outcome)}`);
        if (isCut) {
          this.#count('in fragments');
          expect(packetBytesMax(inner) <= verdict.mtu, 'every fragment fits the tunnel');
        }
        if (verdict.kind === 'deliver') {
          expect(first.port === this.#devices.get(verdict.portId), `goes to ${verdict.portId}`);
        } else {
          for (const { uplink } of sent) {
            expect(uplink?.address.join('.') === verdict.host, `goes to ${verdict.host}`);
            expect(uplink?.vni === verdict.vni, `carries VNI ${verdict.vni}`);
          }
        }
        expect(
          hex(became ?? first.bytes) === hex(expected.bytes),
          `becomes ${hex(expected.bytes)}`,
        );
        expect(hasVnet(first, expected), `offload becomes ${JSON.stringify(expected.vnet)}`);
        this.#remember(tenant, first, verdict.packet);
        return;
      }
      case 'any':
        return;
      case 'service':
        expect(
          sent.every(({ port }) => port === sender),
          'only its sender hears of it',
        );
        expect(!verdict.mustAnswer || sent.length === 1, 'is answered');
        return;
      case 'drop':
        expect(
          verdict.isReported ? sent.every(({ port }) => port === sender) : sent.length === 0,
          'nothing leaves',
        );
        expect(
          drops.length === 1 && verdict.reasons.some((reason) => reason === drops[0]),
          `is dropped as ${verdict.reasons}`,
        );
        return;
    }
  }

  /** What must hold whatever the model says. */
  #checkInvariants({ packet, tenant, what }: Outcome, frame: SentFrame): void {
    const inner = innerOf(frame);
    const fault = checksumFault(inner, frame.vnet);
    if (fault !== undefined) throw new Disagreement(`wrong ${fault}: ${hex(inner)}`);
    const owner = this.#tenantBehind(frame);
    if (!hasMark(inner, packet)) return;
    if (owner === undefined || !mayCross(tenant, owner, packet, this.#tenants)) {
      throw new Disagreement(`${what}: a packet of ${tenant.id} reached ${owner?.id ?? 'nobody'}`);
    }
  }

  /** A packet has reached a VM, here or elsewhere: it may be answered or sent on. */
  #remember(from: Tenant, frame: SentFrame, packet: PacketSpec): void {
    const to = this.#tenantBehind(frame);
    const receiver = to?.nics.find(({ mac }) => mac === packet.dstMac);
    if (to === undefined || receiver === undefined) return;
    if (to !== from) this.#count('to a peered network');
    if (!receiver.addresses.some(({ address }) => address === packet.dst)) {
      this.#count('to an appliance');
    }
    this.#delivered.unshift({ from, to, receiver, packet });
    this.#delivered.splice(8);
  }

  #count(became: string): void {
    this.tally.set(became, (this.tally.get(became) ?? 0) + 1);
  }

  #portIdOf(device: number): string | undefined {
    return [...this.#devices].find(([, own]) => own === device)?.[0];
  }

  #tenantBehind({ port, uplink }: SentFrame): Tenant | undefined {
    if (uplink !== undefined) return this.#tenants[Math.floor((uplink.vni - 5000) / 100)];
    return this.#nics.find(({ nic }) => this.#devices.get(nic.id) === port)?.tenant;
  }
}

/** The subnet of the tenant's interface with this address; nobody's: the first. */
function subnetWith({ nics }: Tenant, text: string): number {
  const owned = nics.flatMap(({ addresses }) => addresses);
  return owned.find(({ address }) => address === text)?.subnet ?? 0;
}

function changeTenant(
  tenant: Tenant,
  command: Extract<Command, { readonly tenant: number }> & { readonly op: TenantChange },
): void {
  switch (command.op) {
    case 'space':
      tenant.spaces[command.space] = tenant.spaces[command.space] !== true;
      return;
    case 'subnet-list':
      tenant.subnetLists[command.subnet] = command.list;
      return;
    case 'subnet-table':
      tenant.subnetTables[command.subnet] = command.table;
      return;
    case 'tags':
      tenant.securityTags = command.tags.map((tag) => ({ ...tag, vnetId: tenant.id }));
      return;
    case 'peering': {
      const at = tenant.peerings.findIndex(({ remote }) => remote === command.peering.remote);
      const isSame = JSON.stringify(tenant.peerings[at]) === JSON.stringify(command.peering);
      if (at >= 0) tenant.peerings.splice(at, 1);
      if (!isSame) tenant.peerings.push(command.peering);
      return;
    }
    case 'rules': {
      const list = tenant.lists[command.list];
      if (list !== undefined) tenant.lists[command.list] = { ...command.from, id: list.id };
    }
  }
}

type TenantChange = 'space' | 'subnet-list' | 'rules' | 'subnet-table' | 'tags' | 'peering';

interface Outcome {
  readonly foretold: Foretold;
  readonly tenant: Tenant;
  readonly packet: PacketSpec;
  readonly verdict: Verdict;
  readonly sent: readonly SentFrame[];
  /** Names of the drops counted, at whichever port. */
  readonly drops: readonly string[];
  /** Device. */
  readonly sender: number;
  readonly what: string;
}

function words(address: string): IpWords {
  const parsed = parseIpWords(address);
  if (parsed === undefined) throw new TypeError(address);
  return parsed;
}

function innerOf(frame: SentFrame): Uint8Array {
  return frame.uplink === undefined ? frame.bytes : frame.bytes.slice(8);
}

function hasVnet({ vnet }: SentFrame, expected: Frame): boolean {
  return (
    vnet.flags === expected.vnet.flags &&
    vnet.gsoType === expected.vnet.gsoType &&
    vnet.gsoSize === expected.vnet.gsoSize &&
    vnet.csumStart === expected.vnet.csumStart &&
    vnet.csumOffset === expected.vnet.csumOffset
  );
}

/** Payload bytes are the sender's tenant's mark; a short payload might be anything. */
function hasMark(bytes: Uint8Array, { mark, payloadLen, segment }: PacketSpec): boolean {
  const least = Math.min(payloadLen, 8);
  if (least === 0) return hasPorts(segment.protocol);
  return bytes.slice(-least).every((byte) => byte === mark);
}

function increase(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(after).flatMap(([name, count]) =>
    new Array<string>(count - (before[name] ?? 0)).fill(name),
  );
}

function describe({ packet, verdict, sent, drops, what }: Outcome): string {
  const left = sent.map((frame) => ({
    port: frame.port,
    uplink: frame.uplink && `${frame.uplink.address.join('.')} ${frame.uplink.vni}`,
    bytes: hex(innerOf(frame)),
    vnet: frame.vnet,
  }));
  const expected = JSON.stringify(verdict);
  return `${what} sends ${JSON.stringify(packet)}\nmodel: ${expected}\nswitch: ${JSON.stringify(left)} drops ${drops}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
