/** The question `snat`: leases of the backends here, how many of their ports have flows, and who found none free. */
import test from 'ava';
import { mismatch } from '../../../../schema/southbound/diagnostics/methods.ts';
import { SnatAnswer } from '../../../../schema/southbound/diagnostics/slb.ts';
import {
  apply,
  balancedHost,
  datagramFromVm,
  fromVm,
  lease,
  PUBLIC,
} from '../load-balancing/balanced.ts';
import { BLUE, portId, tenantRig } from '../switch/tenants.ts';

const VM = '10.0.0.4';
const OTHER = '10.0.0.5';
const LEASES = [lease(), lease({ ports: [{ from: 1032, to: 1039 }] }, OTHER)];

test('leases, ports in use by protocol, flows, and what found no port', (t) => {
  const net = tenantRig();
  apply(net, [balancedHost(), ...LEASES]);
  const device = net.device(BLUE, VM);
  const ends = (srcPort: number, dst = '198.18.0.9') => ({ src: VM, srcPort, dst, dstPort: 53 });
  for (const dst of ['198.18.0.1', '198.18.0.2']) net.pass(device, [fromVm(ends(40_000, dst))]);
  for (let port = 0; port < 9; port += 1) net.pass(device, [datagramFromVm(ends(50_000 + port))]);
  const told = net.core.answer('snat', {});
  t.is(mismatch(SnatAnswer, told), undefined);
  t.is(told.total, 2);
  t.false(told.isPartial);
  const own = told.leases.find(({ address }) => address === VM);
  t.deepEqual(own, {
    vipId: 'vip',
    ruleRef: '/loadBalancers/lb/outboundNatRules/out',
    publicAddress: PUBLIC,
    portId: portId(BLUE, VM),
    address: VM,
    protocol: 'All',
    ports: [{ from: 1024, to: 1031 }],
    portCount: 8,
    tcpPortsInUse: 1,
    udpPortsInUse: 8,
    flows: 10,
    opened: 10,
    exhausted: 1,
  });
  const other = told.leases.find(({ address }) => address === OTHER);
  t.like(other, { tcpPortsInUse: 0, udpPortsInUse: 0, flows: 0, opened: 0, exhausted: 0 });
});

test('one frontend’s, or one interface’s, and nothing where there is nothing', (t) => {
  const net = tenantRig();
  const more = lease({ vipId: 'vip2', ports: [{ from: 1040, to: 1047 }] });
  apply(net, [balancedHost(), ...LEASES, more]);
  const count = (question: { vipId?: string; portId?: string }) =>
    net.core.answer('snat', question).leases.length;
  t.is(count({ vipId: 'vip' }), 2);
  t.is(count({ vipId: 'vip2' }), 1);
  t.is(count({ portId: portId(BLUE, VM) }), 2);
  t.is(count({ vipId: 'nobody' }), 0);
});
