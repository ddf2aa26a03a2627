/** Flow memory: bounded in both parts, and nobody who is established gives way to somebody new. */
import test from 'ava';
import { newFlowKey } from '../../../../../packet/flow-key.ts';
import { FlowMemory, NO_FLOW } from '../../../../../slb/mux/forwarder/flow-memory.ts';

const BINDING = { target: 1, targetGeneration: 0, rule: 0, ruleGeneration: 0 };

function memoryOf(confirmedMax: number, unconfirmedMax: number) {
  const counted = { flows: 0 };
  const counts = {
    countFlow: (_service: number, _target: number, _generation: number, change: number) => {
      counted.flows += change;
    },
  };
  const memory = new FlowMemory({ confirmedMax, unconfirmedMax }, counts, 7);
  const keyOf = (number: number) => {
    const key = newFlowKey();
    key.src3 = number;
    key.srcPort = number & 0xffff;
    key.protocol = 6;
    return key;
  };
  return {
    memory,
    counted,
    note(number: number, nowSec = 1) {
      const key = keyOf(number);
      return memory.note(memory.hash(0, key), 0, key, BINDING, nowSec, nowSec + 30);
    },
    find(number: number, nowSec = 1) {
      const key = keyOf(number);
      return memory.find(memory.hash(0, key), 0, key, nowSec);
    },
  };
}

test('a flood of new flows fills the unconfirmed part alone', (t) => {
  const { memory, note, find } = memoryOf(1024, 256);
  memory.confirm(note(1), 1);
  for (let number = 2; number < 20_000; number += 1) note(number);
  t.true(memory.unconfirmed <= 256);
  t.is(memory.confirmed, 1);
  t.not(find(1), NO_FLOW);
  t.true(memory.displaced > 19_000);
  t.not(find(19_999), NO_FLOW);
  memory.checkInvariants();
});

test('with nine tenths of the places taken, 99 of 100 flows have found theirs', (t) => {
  const { memory, note } = memoryOf(8192, 256);
  for (let number = 1; number <= 7372; number += 1) memory.confirm(note(number), 1);
  t.true(memory.confirmed > 7298, `${memory.confirmed} of 7372`);
  t.is(memory.unplaced, 7372 - memory.confirmed);
  memory.checkInvariants();
});

test('a full confirmed part takes nobody, and forgets nobody', (t) => {
  const { memory, note, find } = memoryOf(8, 64);
  const known = Array.from({ length: 8 }, (_, index) => index + 1);
  for (const number of known) memory.confirm(note(number), 1);
  t.is(memory.confirmed, 8);
  const place = note(9);
  t.is(memory.confirm(place, 1), place);
  t.is(memory.unplaced, 1);
  t.true(known.every((number) => find(number) !== NO_FLOW));
});

test('whoever is past its deadline is nobody, and is taken off the counters by the sweep', (t) => {
  const { memory, counted, note, find } = memoryOf(64, 64);
  const place = memory.confirm(note(1), 1);
  memory.touch(place, 100, 0);
  t.is(counted.flows, 1);
  t.not(find(1, 99), NO_FLOW);
  t.is(find(1, 100), NO_FLOW);
  t.is(memory.confirmed, 1);
  memory.sweep(100, memory.capacity);
  t.is(memory.confirmed, 0);
  t.is(counted.flows, 0);
});

test('a flow of another address is another flow', (t) => {
  const { memory } = memoryOf(64, 64);
  const key = newFlowKey();
  memory.note(memory.hash(1, key), 1, key, BINDING, 1, 30);
  t.is(memory.find(memory.hash(2, key), 2, key, 1), NO_FLOW);
  memory.forgetAddresses(Uint8Array.of(0, 1));
  t.is(memory.unconfirmed, 0);
});
