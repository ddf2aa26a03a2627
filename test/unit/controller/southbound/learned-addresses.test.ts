/** controller/southbound/learned-addresses.ts: who has an address that interfaces share. */
import test from 'ava';
import { ipBytes, parseIp } from '../../../../base/ip.ts';
import { Compiler, type HolderInput } from '../../../../controller/compiler/compiler.ts';
import { holdersAfter } from '../../../../controller/southbound/learned-addresses.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import type { AttachedPort, Mapping } from '../../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const FLOATING = '10.0.0.77';
const bytes = (text: string): Uint8Array => ipBytes(parseIp(text) ?? 0n);

type Reports = Record<string, Readonly<Record<string, readonly string[]>>>;

/** Interfaces a (host1), b (host2) and c (host2) share FLOATING; what their hosts report, one report after the other. */
class Network {
  readonly compiler = new Compiler();
  readonly #ports = new Map<string, ReadonlyMap<string, AttachedPort>>();
  readonly #away = new Set<string>();

  constructor() {
    const subnet = '/virtualNetworks/Blue/subnets/Web';
    const shared = (id: string, at: number) => ({
      key: `networkinterfaces/${id}`,
      value: networkInterfaceDocument({
        id,
        mac: `001DD800000${at}`,
        hostName: id,
        addresses: [
          { subnet, address: `10.0.0.${at + 10}` },
          { subnet, address: FLOATING, learnedIp: '/learnedIpAddresses/floating' },
        ],
      }),
    });
    this.compiler.apply({
      revision: 1,
      documents: [
        { key: 'logicalnetworks/hnvpa', value: logicalNetworkDocument() },
        ...['host1', 'host2'].map((id, at) => ({
          key: `servers/${id}`,
          value: serverDocument({ id, providerAddress: `192.0.2.1${at}` }),
        })),
        {
          key: 'virtualnetworks/blue',
          value: virtualNetworkDocument({
            id: 'Blue',
            subnets: [{ id: 'Web', prefix: '10.0.0.0/24', vni: 5001 }],
          }),
        },
        ...['a', 'b', 'c'].map(shared),
      ],
      placements: [
        { interfaceInstanceId: 'nic-a', serverId: 'host1' },
        { interfaceInstanceId: 'nic-b', serverId: 'host2' },
        { interfaceInstanceId: 'nic-c', serverId: 'host2' },
      ],
    });
  }

  get holder(): string | undefined {
    return this.compiler.model.holderOf('vnet-Blue', FLOATING);
  }

  /** Where hosts are told that the address is. */
  get mapping(): Mapping | undefined {
    const key = `mapping/vnet-Blue/${FLOATING}`;
    const found = this.compiler.slice('host/host1')?.resources.get(key)?.bytes;
    return found === undefined ? undefined : resourceCodec.decode(found).mapping;
  }

  report(serverId: string, learned: Reports[string]): readonly HolderInput[] {
    const portsBefore = this.#ports.get(serverId) ?? new Map();
    const ports = new Map(
      Object.entries(learned).map(([portId, addresses]) => [
        portId,
        { portId, linkUp: true, device: '', learnedAddresses: addresses.map(bytes) },
      ]),
    );
    this.#ports.set(serverId, ports);
    const { model } = this.compiler;
    const detached = [...model.placedOn(serverId)].filter((id) => !ports.has(id));
    const placements = detached.map((interfaceInstanceId) => ({
      interfaceInstanceId,
      serverId: undefined,
    }));
    this.compiler.apply({ revision: 1, documents: [], placements });
    const holders = holdersAfter({
      serverId,
      ports,
      portsBefore,
      detached,
      model,
      reported: (id) => {
        const at = model.serverIdOf(id) ?? '';
        return this.#away.has(at) ? [] : (this.#ports.get(at)?.get(id)?.learnedAddresses ?? []);
      },
    });
    this.compiler.apply({ revision: 1, documents: [], placements: [], holders });
    return holders;
  }

  /** The controller starts anew: what it has stored it knows, what hosts reported it does not. */
  forgetReports(): void {
    this.#ports.clear();
  }

  loseHost(serverId: string): void {
    this.#away.add(serverId);
  }
}

test('an address that nobody has goes to who is reported with it, and is mapped there', (t) => {
  const net = new Network();
  net.report('host1', { 'nic-a': [] });
  t.is(net.mapping, undefined, 'nobody has it yet');
  net.report('host1', { 'nic-a': [FLOATING] });
  t.is(net.holder, 'nic-a');
  t.is(net.mapping?.portRef, '/networkInterfaces/a');
  t.is(net.mapping?.dnsName, '', 'the name of an interface does not stand for it');
});

test('it goes to who claims it next, and stays there while the other is still reported with it', (t) => {
  const net = new Network();
  net.report('host1', { 'nic-a': [FLOATING] });
  net.report('host2', { 'nic-b': [], 'nic-c': [] });
  net.report('host2', { 'nic-b': [FLOATING], 'nic-c': [] });
  t.is(net.holder, 'nic-b');
  t.deepEqual(net.report('host1', { 'nic-a': [FLOATING] }), []);
  t.is(net.mapping?.portRef, '/networkInterfaces/b');
  net.report('host1', { 'nic-a': [] });
  net.report('host1', { 'nic-a': [FLOATING] });
  t.is(net.holder, 'nic-a', 'claimed anew');
});

test('it leaves who is reported without it, for another that is reported with it', (t) => {
  const net = new Network();
  net.report('host1', { 'nic-a': [FLOATING] });
  net.report('host2', { 'nic-b': [], 'nic-c': [FLOATING] });
  t.is(net.holder, 'nic-a', 'a first report is no claim');
  net.report('host1', { 'nic-a': [] });
  t.is(net.holder, 'nic-c');
  net.report('host2', { 'nic-b': [], 'nic-c': [] });
  t.is(net.holder, undefined);
  t.is(net.mapping, undefined);
});

test('it leaves an interface that is attached nowhere any more', (t) => {
  const net = new Network();
  net.report('host2', { 'nic-b': [FLOATING], 'nic-c': [] });
  t.is(net.holder, 'nic-b');
  net.report('host2', { 'nic-c': [] });
  t.is(net.holder, undefined);
});

test('that a host is away changes nothing, and it is no candidate', (t) => {
  const net = new Network();
  net.report('host1', { 'nic-a': [FLOATING] });
  net.report('host2', { 'nic-b': [], 'nic-c': [FLOATING] });
  net.loseHost('host2');
  t.is(net.holder, 'nic-a');
  net.report('host1', { 'nic-a': [] });
  t.is(net.holder, undefined);
});

test('a controller that starts anew leaves it where it was, whoever reports first', (t) => {
  const net = new Network();
  net.report('host1', { 'nic-a': [FLOATING] });
  net.forgetReports();
  net.report('host2', { 'nic-b': [FLOATING], 'nic-c': [] });
  t.is(net.holder, 'nic-a');
  net.report('host1', { 'nic-a': [] });
  t.is(net.holder, 'nic-b', 'who was reported with it, and was passed over');
});

test('addresses that an interface does not share, and interfaces that are elsewhere, are not taken notice of', (t) => {
  const net = new Network();
  t.deepEqual(net.report('host1', { 'nic-a': ['10.0.0.10', '10.0.0.99', '10.0.0.12'] }), []);
  t.deepEqual(net.report('host1', { 'nic-a': [], 'nic-b': [FLOATING], 'no-nic': [FLOATING] }), []);
});

test('an interface that no longer shares the address loses it', (t) => {
  const net = new Network();
  net.report('host1', { 'nic-a': [FLOATING] });
  const subnet = '/virtualNetworks/Blue/subnets/Web';
  net.compiler.apply({
    revision: 2,
    documents: [
      {
        key: 'networkinterfaces/a',
        value: networkInterfaceDocument({
          id: 'a',
          mac: '001DD8000000',
          addresses: [{ subnet, address: '10.0.0.10' }],
        }),
      },
    ],
    placements: [],
  });
  t.is(net.mapping, undefined);
  net.report('host1', { 'nic-a': [] });
  t.is(net.holder, undefined);
});
