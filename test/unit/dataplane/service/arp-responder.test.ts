/** ARP: who is answered, with what, and who is not. */
import test from 'ava';
import { VIRTUAL_ROUTER_MAC } from '../../../../base/mac.ts';
import { answerArp } from '../../../../dataplane/service/arp-responder.ts';
import type { PortSettings } from '../../../../dataplane/service/port-settings.ts';
import * as arp from '../../../../packet/arp.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { ADDRESS_A, dirtyView, MAC_A, MAC_B } from '../../packet/frames.ts';
import { GATEWAY, NEIGHBOR, NEIGHBOR_MAC, neighborMac, ringWith, SETTINGS } from './requests.ts';

const REQUEST = {
  opcode: arp.Opcode.REQUEST as number,
  senderMac: MAC_A,
  senderAddress: ADDRESS_A,
  targetMac: 0,
  targetAddress: GATEWAY,
};

function ask(change: Partial<arp.Repr>, src: number = MAC_A, settings: PortSettings = SETTINGS) {
  const view = dirtyView(42);
  ethernet.emit({ dst: ethernet.BROADCAST, src, etherType: 0x0806 }, view, 0);
  arp.emit({ ...REQUEST, ...change }, view, 14);
  const ring = ringWith(new Uint8Array(view.buffer));
  const drop = answerArp(ring.view, ring.frame, { settings, neighborMac }, ring.answer);
  const bytes = ring.answered();
  const reply = new DataView(bytes.buffer);
  return {
    drop,
    reply: bytes.length === 42 ? arp.parse(reply, 14) : undefined,
    ethernet: bytes.length === 42 ? ethernet.parse(reply, 0) : undefined,
  };
}

test('RFC 826: the gateway is the virtual router', (t) => {
  t.deepEqual(ask({}), {
    drop: Drop.None,
    reply: {
      opcode: arp.Opcode.REPLY,
      senderMac: VIRTUAL_ROUTER_MAC,
      senderAddress: GATEWAY,
      targetMac: MAC_A,
      targetAddress: ADDRESS_A,
    },
    ethernet: { dst: MAC_A, src: VIRTUAL_ROUTER_MAC, etherType: 0x0806 },
  });
});

test('a mapped neighbour is answered with its own MAC', (t) => {
  t.like(ask({ targetAddress: NEIGHBOR }).reply, { senderMac: NEIGHBOR_MAC });
});

test('an address nobody has is ArpUnanswered', (t) => {
  t.deepEqual(ask({ targetAddress: 0x0a00_0063 }), {
    drop: Drop.ArpUnanswered,
    reply: undefined,
    ethernet: undefined,
  });
});

test('RFC 5227: a probe or announcement of the own address is not answered, a probe of a taken one is', (t) => {
  t.is(ask({ senderAddress: 0, targetAddress: ADDRESS_A }).drop, Drop.ArpUnanswered);
  t.is(ask({ targetAddress: ADDRESS_A }).drop, Drop.ArpUnanswered);
  t.like(ask({ senderAddress: 0, targetAddress: NEIGHBOR }), { drop: Drop.None });
});

test('who claims a foreign MAC or address is SpoofedArp', (t) => {
  t.is(ask({ senderMac: MAC_B }).drop, Drop.SpoofedArp);
  t.is(ask({}, MAC_B).drop, Drop.SpoofedArp);
  t.is(ask({ senderAddress: NEIGHBOR }).drop, Drop.SpoofedArp);
  t.is(ask({ senderAddress: GATEWAY }).drop, Drop.SpoofedArp);
});

test('with MAC spoofing allowed another MAC is answered, another address is not', (t) => {
  const settings = { ...SETTINGS, macSpoofing: true };
  t.is(ask({ senderMac: MAC_B }, MAC_B, settings).drop, Drop.None);
  t.is(ask({ senderAddress: NEIGHBOR }, MAC_A, settings).drop, Drop.SpoofedArp);
});

test('replies and unsupported ARP are not answered', (t) => {
  t.is(ask({ opcode: arp.Opcode.REPLY }).drop, Drop.ArpUnanswered);
  t.is(ask({ opcode: 3 }).drop, Drop.ArpUnsupported);
});
