/**
 * Whatever happens to pools and health: a flow stays at its backend while it may, every answer is that of the address that was asked, and what
 * trace foretells is what is sent.
 */
import test from 'ava';
import fc from 'fast-check';
import { Flag } from '../../../../packet/tcp.ts';
import { HealthState } from '../../../../schema/southbound/messages.ts';
import { BLUE, LOCAL, portId, REMOTE, type TenantRig, tenantRig } from '../switch/tenants.ts';
import {
  apply,
  backend,
  datagramFromVm,
  type Ends,
  fromVm,
  health,
  pool,
  read,
  ruleOf,
  virtualIp,
} from './balanced.ts';

const ADDRESSES = ['10.0.0.100', '10.0.1.100'] as const;
const BACKENDS = [...LOCAL, ...REMOTE];
const STATES = [
  HealthState.HEALTH_UP,
  HealthState.HEALTH_UP,
  HealthState.HEALTH_DOWN,
  HealthState.HEALTH_LOST,
] as const;

type Command =
  | {
      readonly kind: 'pool';
      readonly members: readonly string[];
      readonly draining: readonly string[];
    }
  | { readonly kind: 'health'; readonly states: readonly HealthState[] }
  | { readonly kind: 'send'; readonly flow: Flow; readonly isOpening: boolean }
  | { readonly kind: 'answer'; readonly flow: Flow };

interface Flow {
  readonly client: string;
  readonly srcPort: number;
  readonly address: string;
  readonly isTcp: boolean;
}

const flow: fc.Arbitrary<Flow> = fc.record({
  client: fc.constantFrom(...LOCAL),
  srcPort: fc.constantFrom(4000, 4001, 4002),
  address: fc.constantFrom(...ADDRESSES),
  isTcp: fc.boolean(),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send'), flow, isOpening: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer'), flow }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pool'),
      members: fc.subarray(BACKENDS),
      draining: fc.subarray(BACKENDS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('health'),
      states: fc.tuple(...BACKENDS.map(() => fc.constantFrom(...STATES))),
    }),
  },
) as fc.Arbitrary<Command>;

/** Where a flow goes, and what it looks like there. */
interface Path {
  readonly backend: string;
  readonly wire: Ends;
}

class World {
  readonly #net: TenantRig = tenantRig({ flowsMax: 512 });
  readonly #paths = new Map<string, Path>();
  #members: readonly string[] = BACKENDS;
  #draining: readonly string[] = [];
  #states: readonly HealthState[] = BACKENDS.map(() => HealthState.HEALTH_UP);

  constructor() {
    const rules = [
      ruleOf({ healthId: 'health' }),
      ruleOf({ id: 'udp', protocol: 17, healthId: 'health' }),
    ];
    this.#apply();
    apply(
      this.#net,
      ADDRESSES.map((own) => virtualIp(own, rules)),
    );
  }

  run(step: Command): void {
    switch (step.kind) {
      case 'pool':
        this.#members = step.members;
        this.#draining = step.draining;
        this.#apply();
        break;
      case 'health':
        this.#states = step.states;
        this.#apply();
        break;
      case 'send':
        this.#send(step.flow, step.isOpening);
        break;
      case 'answer':
        this.#answer(step.flow);
    }
    this.#net.core.checkInvariants();
  }

  #apply(): void {
    const members = this.#members.map((own) =>
      backend(own, { draining: this.#draining.includes(own) }),
    );
    const states = BACKENDS.map((own, index) => [
      own,
      this.#states[index] ?? HealthState.HEALTH_UP,
    ]);
    apply(this.#net, [health(Object.fromEntries(states)), pool(members)]);
  }

  #candidates(): readonly string[] {
    const ready = this.#members.filter((own) => !this.#draining.includes(own));
    const inState = (state: HealthState) => ready.filter((own) => this.#stateOf(own) === state);
    const up = inState(HealthState.HEALTH_UP);
    return up.length > 0 ? up : inState(HealthState.HEALTH_LOST);
  }

  #stateOf(own: string): HealthState {
    return this.#states[BACKENDS.indexOf(own as (typeof BACKENDS)[number])] ?? 0;
  }

  #send(asked: Flow, isOpening: boolean): void {
    const { client, srcPort, address, isTcp } = asked;
    const ends = { src: client, srcPort, dst: address, dstPort: 80 };
    const frame = isTcp ? fromVm(ends, isOpening ? Flag.SYN : Flag.ACK) : datagramFromVm(ends);
    const net = this.#net;
    const foretold = net.core.tracer.trace({ kind: 'port', portId: portId(BLUE, client) }, frame);
    const [sent, ...more] = net.pass(net.device(BLUE, client), [frame]);
    expect(more.length === 0, 'one frame of one');
    const bytes = sent?.bytes.subarray(sent.uplink === undefined ? 0 : 8);
    expect(String(foretold.bytes) === String(bytes), 'trace foretells what is sent');
    const before = this.#paths.get(nameOf(asked));
    const candidates = this.#candidates();
    const mayStay = before !== undefined && this.#members.includes(before.backend);
    const isDown =
      before !== undefined && this.#stateOf(before.backend) === HealthState.HEALTH_DOWN;
    const mustStay = mayStay && (isTcp ? !isOpening : !isDown);
    if (sent === undefined) {
      expect(candidates.length === 0 && !mustStay, 'dropped only where nobody is up');
      return;
    }
    const { dstMac: _, ...wire } = read(sent);
    expect(wire.dstPort === 8080, 'the backend’s port');
    expect(
      wire.src === (wire.dst === client ? address : client),
      'from the client, or as the address',
    );
    if (mustStay) {
      expect(wire.dst === before.backend, 'a flow stays at its backend');
      expect(wire.srcPort === before.wire.srcPort, 'as it was');
    } else if (wire.dst !== before?.backend) {
      expect(candidates.includes(wire.dst), 'chosen of those that may be');
    }
    this.#paths.set(nameOf(asked), { backend: wire.dst, wire });
  }

  #answer(asked: Flow): void {
    const path = this.#paths.get(nameOf(asked));
    if (path === undefined) return;
    const { src, srcPort, dst, dstPort } = path.wire;
    const ends = { src: dst, srcPort: dstPort, dst: src, dstPort: srcPort };
    const frame = asked.isTcp ? fromVm(ends, Flag.SYN | Flag.ACK) : datagramFromVm(ends);
    const net = this.#net;
    const vni = asked.client.startsWith('10.0.1.') ? BLUE.dbVni : BLUE.webVni;
    const isHere = LOCAL.some((own) => own === dst);
    const [sent] = isHere ? net.pass(net.device(BLUE, dst), [frame]) : net.passTunnel(vni, frame);
    if (!this.#members.includes(dst)) {
      expect(sent === undefined, 'who is no backend any more answers nobody as one');
      return;
    }
    expect(sent?.port === net.device(BLUE, asked.client), 'to the client');
    const seen = read(sent);
    const isExact =
      seen.src === asked.address &&
      seen.srcPort === 80 &&
      seen.dst === asked.client &&
      seen.dstPort === asked.srcPort;
    expect(isExact, 'as the address, to where the request has come from');
  }
}

function nameOf({ client, srcPort, address, isTcp }: Flow): string {
  return [client, srcPort, address, isTcp].join();
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

test('generated changes, requests and answers: flows stay, answers are exact, trace and packet agree', (t) => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const world = new World();
      for (const step of commands) world.run(step);
    }),
    { numRuns: 60 },
  );
  t.pass();
});
