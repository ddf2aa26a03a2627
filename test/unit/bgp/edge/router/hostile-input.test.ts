/**
 * Whatever comes to the edge router's links or out of a tunnel: no crash, every frame sent on or counted as a drop, checksums right that were
 * right and wrong that were wrong, and never a packet to a tenant that nothing leads to. `npm run soak` runs the random ones at length.
 */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  ENTRANCES,
  type Entrance,
  ethernetAt,
  faultsOf,
  mend,
  type RawWorld,
  rawWorld,
} from './raw-input.ts';

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 1500);
const MASKS = [0x00, 0xff, 0x01, 0x80];
/** Headers of what the longest seeds quote included. */
const CHANGED_BYTES = 100;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function play(t: ExecutionContext, world: RawWorld, entrance: Entrance, bytes: Uint8Array): void {
  const faults = faultsOf(world, entrance, bytes);
  if (faults.length > 0) t.fail(`${entrance} ${hex(bytes)}: ${faults.join(', ')}`);
}

for (const entrance of ENTRANCES) {
  test(`${entrance}: valid frames go where they belong`, (t) => {
    const world = rawWorld();
    for (const seed of world.seeds[entrance]) play(t, world, entrance, seed.slice());
    world.edge.core.checkInvariants();
    t.pass();
  });

  test(`${entrance}: every truncation of a valid frame`, (t) => {
    const world = rawWorld();
    for (const seed of world.seeds[entrance]) {
      for (let length = 0; length < Math.min(seed.length, 200); length += 1) {
        play(t, world, entrance, seed.slice(0, length));
      }
    }
    world.edge.core.checkInvariants();
    t.pass();
  });

  test(`${entrance}: every change of one byte, with the header checksum as it was and made right`, (t) => {
    const world = rawWorld();
    for (const seed of world.seeds[entrance]) {
      for (let at = 0; at < Math.min(seed.length, CHANGED_BYTES); at += 1) {
        for (const mask of MASKS) {
          const mutant = seed.slice();
          mutant[at] = mask === 0 ? 0 : (mutant[at] ?? 0) ^ mask;
          play(t, world, entrance, mutant.slice());
          play(t, world, entrance, mend(entrance, mutant));
        }
      }
      world.edge.clock.advance(SECOND);
    }
    world.edge.core.checkInvariants();
    t.pass();
  });
}

const SECOND = 1000 as Parameters<RawWorld['edge']['clock']['advance']>[0];

/** Changes of a seed: bytes set, the end cut off or grown, and which checksums are made right again. */
const damage = fc.record({
  entrance: fc.constantFrom(...ENTRANCES),
  seed: fc.nat(1000),
  sets: fc.array(fc.tuple(fc.nat(160), fc.nat(255)), { maxLength: 6 }),
  splice: fc.option(fc.record({ from: fc.nat(1000), at: fc.nat(120) })),
  length: fc.option(fc.nat(300)),
  isMended: fc.boolean(),
  waits: fc.boolean(),
});

test('random damage to valid frames, in one long life of the router', (t) => {
  const world = rawWorld();
  fc.assert(
    fc.property(damage, ({ entrance, seed, sets, splice, length, isMended, waits }) => {
      const seeds = world.seeds[entrance];
      let bytes = (seeds[seed % seeds.length] ?? new Uint8Array()).slice();
      const other = splice === null ? undefined : seeds[splice.from % seeds.length];
      if (other !== undefined && splice !== null) {
        const at = Math.min(ethernetAt(entrance) + splice.at, bytes.length);
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(at)]);
      }
      if (length !== null) {
        const changed = new Uint8Array(length);
        changed.set(bytes.subarray(0, length));
        bytes = changed;
      }
      for (const [at, value] of sets) if (at < bytes.length) bytes[at] = value;
      if (waits) world.edge.wait(1);
      const faults = faultsOf(world, entrance, isMended ? mend(entrance, bytes) : bytes);
      t.deepEqual(faults, [], `${entrance} ${hex(bytes)}`);
    }),
    { numRuns: RUNS },
  );
  world.edge.core.checkInvariants();
});

test('bytes that were never a frame', (t) => {
  const world = rawWorld();
  fc.assert(
    fc.property(
      fc.constantFrom(...ENTRANCES),
      fc.uint8Array({ maxLength: 200 }),
      (entrance, bytes) => {
        t.deepEqual(faultsOf(world, entrance, bytes), [], `${entrance} ${hex(bytes)}`);
      },
    ),
    { numRuns: RUNS },
  );
  world.edge.core.checkInvariants();
});
