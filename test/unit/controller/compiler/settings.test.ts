/** What singletons and portSettings say about every switch and every port, as goal state (MS-NCNBI §3.1.5.11, .19, .20, .26). */
import test from 'ava';
import { Compiler } from '../../../../controller/compiler/compiler.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import {
  type HostSettings,
  OutboundReservedMode,
  type Port,
} from '../../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const SUBNET = '/virtualNetworks/blue/subnets/web';
const PROVIDER = '/logicalNetworks/hnvpa/subnets/provider';

class World {
  readonly #compiler = new Compiler();
  #revision = 0;

  constructor() {
    const subnets = [{ id: 'web', prefix: '10.0.0.0/24', vni: 5000 }];
    this.put('logicalnetworks/hnvpa', logicalNetworkDocument());
    this.put('virtualnetworks/blue', virtualNetworkDocument({ id: 'blue', subnets }));
    this.server({});
    this.nic({});
    const placements = [{ interfaceInstanceId: 'nic-a', serverId: 'h1' }];
    this.#compiler.apply({ revision: ++this.#revision, documents: [], placements });
  }

  put(key: string, value: JsonObject): void {
    const documents = [{ key, value }];
    this.#compiler.apply({ revision: ++this.#revision, documents, placements: [] });
  }

  server(properties: JsonObject): void {
    const server = serverDocument({ id: 'h1', providerAddress: '192.0.2.1' });
    this.put('servers/h1', { ...server, properties });
  }

  nic(portSettings: JsonObject): void {
    const addresses = [{ subnet: SUBNET, address: '10.0.0.4' }];
    const nic = networkInterfaceDocument({ id: 'a', mac: '001DD8000001', addresses });
    const properties = Object(nic['properties']);
    this.put('networkinterfaces/a', { ...nic, properties: { ...properties, portSettings } });
  }

  get host(): HostSettings | undefined {
    return this.#told('host').host;
  }

  get port(): Port | undefined {
    return this.#told('port/nic-a').port;
  }

  #told(key: string) {
    const bytes = this.#compiler.slice('host/h1')?.resources.get(key)?.bytes;
    return resourceCodec.decode(bytes ?? new Uint8Array());
  }
}

const card = (interfaceSpeed: string, ...subnets: string[]): JsonObject => ({
  properties: {
    interfaceSpeed,
    logicalSubnets: subnets.map((resourceRef) => ({ resourceRef })),
  },
});

test('without settings there is no bandwidth management, no metering, no log', (t) => {
  const { host } = new World();
  t.is(host?.qos, undefined);
  t.false(host?.metering);
  t.is(host?.flowLog, undefined);
});

test('reservations divide the part of the link that may be reserved', (t) => {
  const world = new World();
  world.put('virtualswitchmanager/configuration', {
    properties: {
      qosSettings: { reservationMode: 'Absolute', linkSpeedPercentage: 50, defaultReservation: 10 },
    },
  });
  t.is(world.host?.qos?.linkSpeedKbps, 0, 'a speed that nobody states is not known');
  world.server({ networkInterfaces: [card('40000'), card('10000', PROVIDER)] });
  t.deepEqual(world.host?.qos, {
    outboundReservedMode: OutboundReservedMode.OUTBOUND_RESERVED_VALUE,
    linkSpeedKbps: 5_000_000,
    defaultReservedValue: 10,
  });
  world.put('virtualswitchmanager/configuration', {
    properties: { qosSettings: { enableSoftwareReservations: false } },
  });
  t.is(world.host?.qos?.outboundReservedMode, OutboundReservedMode.OUTBOUND_RESERVED_NONE);
  world.put('virtualswitchmanager/configuration', { properties: {} });
  t.is(world.host?.qos, undefined);
});

test('metering and the flow log are switched on, the log only where the server audits', (t) => {
  const world = new World();
  world.put('virtualnetworkmanager/configuration', { properties: { enableMetering: true } });
  world.put('auditingsettings/configuration', { properties: { outputDirectory: '/var/audit' } });
  t.true(world.host?.metering);
  t.is(world.host?.flowLog, undefined);
  world.server({ auditingEnabled: ['Firewall'] });
  t.deepEqual(world.host?.flowLog, { intervalSec: 60, directory: '/var/audit' });
  world.server({ auditingEnabled: ['Firewall', 'Disabled'] });
  t.is(world.host?.flowLog, undefined);
});

test('portSettings reach the port, guards on unless Disabled', (t) => {
  const world = new World();
  t.false(world.port?.arpGuardOff ?? world.port?.dhcpGuardOff ?? world.port?.macSpoofing);
  t.is(world.port?.qos, undefined);
  world.nic({
    macSpoofing: 'Enabled',
    arpGuard: 'Disabled',
    dhcpGuard: 'Disabled',
    stormLimit: 100,
    portFlowLimit: 1_000,
    qosSettings: { inboundMaximumMbps: 5, outboundMaximumMbps: 8, outboundReservedValue: 3 },
  });
  const { port } = world;
  t.true(port?.macSpoofing);
  t.true(port?.arpGuardOff);
  t.true(port?.dhcpGuardOff);
  t.is(port?.broadcastPerSecMax, 100);
  t.is(port?.flowsMax, 1_000);
  t.deepEqual(port?.qos, {
    inboundKbpsMax: 5_000,
    outboundKbpsMax: 8_000,
    outboundReservedValue: 3,
  });
});
