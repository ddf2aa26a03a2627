/** Whatever way goal state arrives (one snapshot, single resources in any order, with detours), the same switch comes of it. */
import test from 'ava';
import fc from 'fast-check';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import {
  BLUE,
  between,
  hostResource,
  LOCAL,
  portId,
  RED,
  REMOTE,
  type Rig,
  rig,
  tenantGoal,
  tunnelled,
  udpFrame,
} from './tenants.ts';

const GOAL: readonly Resource[] = [hostResource(), ...tenantGoal(BLUE), ...tenantGoal(RED)];
const TENANTS = [BLUE, RED];

interface Attached extends Rig {
  readonly devices: ReadonlyMap<string, number>;
}

function attachAll(net: Rig): Attached {
  const ids = TENANTS.flatMap((tenant) => LOCAL.map((text) => portId(tenant, text)));
  return { ...net, devices: new Map(ids.map((id) => [id, net.attach(id)])) };
}

/** Where a packet of every VM to every address, and of the other host to every VM, goes. */
function reachability(net: Attached, ports: { src: number; dst: number }): string[] {
  const nameOf = new Map([...net.devices].map(([id, device]) => [device, id]));
  const arrivals = (sent: ReturnType<Rig['pass']>) =>
    sent.map(({ port, uplink }) =>
      uplink === undefined
        ? (nameOf.get(port) ?? '?')
        : `${uplink.address.join('.')} ${uplink.vni}`,
    );
  const lines: string[] = [];
  for (const tenant of TENANTS) {
    for (const src of LOCAL) {
      const device = net.devices.get(portId(tenant, src)) ?? -1;
      for (const dst of [...LOCAL, ...REMOTE]) {
        const sent = net.pass(device, [udpFrame(between(tenant, src, dst), ports)]);
        lines.push(`${tenant.name} ${src} → ${dst}: ${arrivals(sent)}`);
      }
    }
    for (const dst of LOCAL) {
      for (const vni of [tenant.webVni, tenant.dbVni]) {
        const frame = tunnelled(vni, udpFrame(between(tenant, '10.0.0.6', dst), ports));
        const source = Uint8Array.of(192, 0, 2, 2);
        lines.push(`${vni} → ${dst}: ${arrivals(net.pass(net.uplink, [frame], { source }))}`);
      }
    }
  }
  return lines;
}

function bySnapshot(): string[] {
  const net = attachAll(rig({ flowsMax: 512 }));
  net.core.applyGoal({ upserts: GOAL, removes: [] });
  return reachability(net, { src: 1, dst: 2 });
}

const EXPECTED = bySnapshot();

test('the expectation itself: everybody reaches their own tenant, nobody another', (t) => {
  t.is(EXPECTED.filter((line) => line.endsWith(': ')).length, 2 * (3 + 3));
  t.true(EXPECTED.includes('blue 10.0.0.4 → 10.0.1.4: blue-10.0.1.4'));
  t.true(EXPECTED.includes('red 10.0.0.4 → 10.0.1.6: 192.0.2.2 6002'));
});

test('single resources in any order, traffic and detours in between: the same as one snapshot', (t) => {
  const order = fc.shuffledSubarray([...GOAL], { minLength: GOAL.length });
  const detours = fc.array(fc.nat(GOAL.length - 1), { maxLength: 12 });
  fc.assert(
    fc.property(order, detours, fc.boolean(), (resources, removed, isEarly) => {
      let net = rig({ flowsMax: 512 });
      let attached = isEarly ? attachAll(net) : undefined;
      let errors = 0;
      for (const resource of resources) {
        errors = net.core.applyGoal({ upserts: [resource], removes: [] }).length;
      }
      t.is(errors, 0);
      attached ??= attachAll(net);
      net = attached;
      reachability(attached, { src: 1, dst: 2 });
      for (const index of removed) {
        const resource = GOAL[index];
        if (resource === undefined || resource.key === 'host') continue;
        net.core.applyGoal({ upserts: [], removes: [resource.key] });
        reachability(attached, { src: 1, dst: 2 });
        errors = net.core.applyGoal({ upserts: [resource], removes: [] }).length;
      }
      t.is(errors, 0);
      t.deepEqual(reachability(attached, { src: 1, dst: 2 }), EXPECTED, 'flows known before');
      t.deepEqual(reachability(attached, { src: 3, dst: 4 }), EXPECTED, 'new flows');
      net.core.checkInvariants();
    }),
    { numRuns: 25 },
  );
});
