/** The corpus of raw input: every kept frame still meets the same end, whole or cut short, and chance finds no worse one. */
import test from 'ava';
import fc from 'fast-check';
import { addToCorpus, type CorpusName, readCorpus } from '../../../fixtures/corpus.ts';
import { outcomeOf, play, seedsOf, smallRig, strays } from './raw-input.ts';

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 500);
const MAY_EXTEND = process.env['WEFT_CORPUS_EXTEND'] !== undefined;
const ENTRANCES: readonly CorpusName[] = ['tap', 'uplink'];

for (const entrance of ENTRANCES) {
  const corpus = readCorpus(entrance);

  test(`${entrance}: what is in the corpus meets the end it is kept for`, (t) => {
    for (const { reason, bytes } of corpus) {
      const found = outcomeOf(smallRig(), entrance, bytes);
      t.is(found.reason, reason, Buffer.from(bytes).toString('hex'));
    }
    const reasons = corpus.map(({ reason }) => reason);
    t.deepEqual(reasons, [...new Set(reasons)], 'each once');
  });

  test(`${entrance}: every truncation of the corpus stays within the tenant`, (t) => {
    const net = smallRig();
    for (const { bytes } of corpus) {
      for (let end = 0; end <= bytes.length; end += 1) {
        t.deepEqual(strays(net, play(net, entrance, bytes.slice(0, end))), []);
      }
    }
    net.core.checkInvariants();
  });

  test(`${entrance}: chance changes of corpus and valid frames stay within the tenant`, (t) => {
    const net = smallRig();
    const known = new Set(corpus.map(({ reason }) => reason));
    fc.assert(
      fc.property(mutant([...corpus.map(({ bytes }) => bytes), ...seedsOf(entrance)]), (bytes) => {
        // Another network identifier is another tenant, by right of the host that writes it.
        const isOurs = entrance === 'tap' || hasOwnVni(bytes);
        const { reason, sent } = outcomeOf(net, entrance, bytes);
        if (isOurs) t.deepEqual(strays(net, sent), []);
        if (MAY_EXTEND && isOurs && !known.has(reason)) keepIfNew(entrance, bytes, known);
      }),
      { numRuns: RUNS },
    );
    net.core.checkInvariants();
    t.pass();
  });
}

/** A few bytes of a frame changed, put in or taken out, and perhaps its end cut off. */
function mutant(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const at = fc.oneof(fc.nat(60), fc.nat(400));
  const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255));
  const change = fc.record({ at, byte, op: fc.constantFrom('set', 'set', 'set', 'in', 'out') });
  return fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(change, { maxLength: 4 }),
      fc.option(fc.nat(400), { freq: 4 }),
    )
    .map(([seed, changes, end]) => {
      const bytes = [...seed];
      for (const { at: place, byte: value, op } of changes) {
        if (op === 'in') bytes.splice(place % (bytes.length + 1), 0, value);
        else if (op === 'out') bytes.splice(place % bytes.length, 1);
        else bytes[place % bytes.length] = value;
      }
      return Uint8Array.from(bytes.slice(0, end ?? bytes.length));
    });
}

function hasOwnVni(bytes: Uint8Array): boolean {
  const vni = seedsOf('uplink')[0]?.slice(4, 7) ?? [];
  return vni.every((octet, index) => bytes[4 + index] === octet);
}

/** Adds what ends in a way of its own, as short and as full of zeros as it can be. */
function keepIfNew(entrance: CorpusName, bytes: Uint8Array, known: Set<string>): void {
  const { reason } = outcomeOf(smallRig(), entrance, bytes);
  if (known.has(reason)) return;
  known.add(reason);
  const isSame = (one: Uint8Array) => outcomeOf(smallRig(), entrance, one).reason === reason;
  let smallest = bytes;
  for (let end = 0; end < smallest.length; end += 1) {
    if (isSame(smallest.slice(0, end))) smallest = smallest.slice(0, end);
  }
  for (let at = 0; at < smallest.length; at += 1) {
    const zeroed = smallest.with(at, 0);
    if (isSame(zeroed)) smallest = zeroed;
  }
  addToCorpus(entrance, { reason, bytes: smallest });
}
