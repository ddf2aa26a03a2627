/** Second chance, the host's part: a mux asks whether a connection is here, and gets back what is not. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import { UPLINK_PORT } from '../../../../dataplane/switch/port-registry.ts';
import * as askMark from '../../../../packet/ask-mark.ts';
import { Flag } from '../../../../packet/tcp.ts';
import type { LoadBalancingRule } from '../../../../schema/southbound/messages.ts';
import { viewOf } from '../../packet/frames.ts';
import { BLUE, octets, PEER_ADDRESS, ROUTER_MAC, type TenantRig } from '../switch/tenants.ts';
import { fromMux, fromVm, MUX } from './balanced.ts';
import { ANSWER, DIP, errorAbout, OTHER, publicWorld, REQUEST, THERE } from './public-world.ts';

const OTHER_MUX = '192.0.2.4';

function world(changes: Partial<LoadBalancingRule> = {}): TenantRig {
  return publicWorld(changes, [MUX, OTHER_MUX]);
}

function marked(frame: Uint8Array, step = 3): Uint8Array {
  askMark.write(viewOf(frame), 0, step);
  return frame;
}

function asks(net: TenantRig, frame: Uint8Array, source = MUX): SentFrame[] {
  return net.passTunnel(BLUE.webVni, marked(frame), source);
}

function givenBack(net: TenantRig): number {
  return net.core.counters.read(UPLINK_PORT).givenBack ?? 0;
}

test('a segment of a connection that is not here goes back to the mux that asks, as it has come', (t) => {
  const net = world();
  for (const source of [MUX, OTHER_MUX]) {
    for (const flags of [Flag.ACK, Flag.FIN | Flag.ACK, Flag.RST, Flag.SYN | Flag.ACK]) {
      const [back] = asks(net, fromMux(REQUEST, DIP, flags), source);
      t.deepEqual(back?.uplink?.address, octets(source));
      t.is(back?.uplink?.vni, BLUE.webVni);
      t.deepEqual(back?.bytes.slice(8), marked(fromMux(REQUEST, DIP, flags)));
    }
  }
  t.is(givenBack(net), 8);
  t.deepEqual(net.drops(), {});
  t.deepEqual(net.core.flows({ limit: 10 }), []);
});

test('so does one for a backend that is not at this host', (t) => {
  const net = world();
  const [back] = asks(net, fromMux(REQUEST, THERE, Flag.ACK));
  t.deepEqual(back?.uplink?.address, octets(MUX));
});

test('a connection that is here is kept, and nobody behind the tunnel sees the mark', (t) => {
  for (const changes of [{}, { floatingIp: true, backendPort: 80 }]) {
    const net = world(changes);
    for (const flags of [Flag.SYN, Flag.ACK, Flag.ACK]) {
      const [kept] = asks(net, fromMux(REQUEST, DIP, flags));
      t.is(kept?.port, net.device(BLUE, DIP));
      const view = viewOf(defined(kept, 'a frame').bytes);
      t.is(view.getUint16(6) * 0x1_0000_0000 + view.getUint32(8), ROUTER_MAC);
      net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, flags | Flag.ACK)]);
    }
    t.is(givenBack(net), 0);
    // At the other backend here it is none.
    t.deepEqual(asks(net, fromMux(REQUEST, OTHER, Flag.ACK))[0]?.uplink?.address, octets(MUX));
  }
});

test('one that has ended is not here: its addresses and ports may be another’s', (t) => {
  const net = world();
  net.passTunnel(BLUE.webVni, fromMux(REQUEST, DIP), MUX);
  net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, Flag.SYN | Flag.ACK)]);
  net.passTunnel(BLUE.webVni, fromMux(REQUEST, DIP, Flag.ACK), MUX);
  t.is(asks(net, fromMux(REQUEST, DIP, Flag.ACK))[0]?.port, net.device(BLUE, DIP));
  net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, Flag.RST)]);
  t.deepEqual(asks(net, fromMux(REQUEST, DIP, Flag.ACK))[0]?.uplink?.address, octets(MUX));
});

test('what is not asked about is kept, known or not', (t) => {
  const net = world();
  const [kept] = net.passTunnel(BLUE.webVni, fromMux(REQUEST, DIP, Flag.ACK), MUX);
  t.is(kept?.port, net.device(BLUE, DIP));
});

test('nobody but a mux is believed to be one that asks', (t) => {
  const net = world();
  t.deepEqual(asks(net, fromMux(REQUEST, DIP, Flag.ACK), PEER_ADDRESS), []);
  t.is(givenBack(net), 0);
  t.deepEqual(net.drops(), { DestinationNotLocal: 1 });
  const truncated = marked(fromMux(REQUEST, DIP, Flag.ACK)).subarray(0, 12);
  t.deepEqual(net.passTunnel(BLUE.webVni, truncated, MUX), []);
});

test('an ICMP error about a connection that is not here goes back too', (t) => {
  const net = world();
  net.passTunnel(BLUE.webVni, fromMux(REQUEST, DIP), MUX);
  const [answer] = net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, Flag.SYN | Flag.ACK)]);
  const quoted = defined(answer, 'an answer').bytes.slice(8 + 14, 8 + 14 + 28);
  t.is(asks(net, errorAbout(quoted))[0]?.port, net.device(BLUE, DIP));
  const other = quoted.slice();
  viewOf(other).setUint16(22, 40_001);
  const [back] = asks(net, errorAbout(other));
  t.deepEqual(back?.uplink?.address, octets(MUX));
  t.deepEqual(back?.bytes.slice(8), marked(errorAbout(other)));
  t.deepEqual(net.drops(), {});
});
