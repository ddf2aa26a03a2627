/** The hash that controller and targets must compute alike: schema/southbound/goal-hash.ts. */
import test from 'ava';
import fc from 'fast-check';
import { SdnError } from '../../../base/errors.ts';
import {
  controllerFrameCodec,
  resourceCodec,
  unversionedResourceCodec,
} from '../../../schema/southbound/codec.ts';
import { VIRTUAL_SUBNET_DEFAULTS } from '../../../schema/southbound/defaults.ts';
import {
  equalBytes,
  goalHash,
  resourceDigest,
  withVersion,
} from '../../../schema/southbound/goal-hash.ts';

const content = fc
  .record({ id: fc.string(), resourceRef: fc.string(), vni: fc.nat(0xff_ffff) })
  .map(({ id, resourceRef, vni }) =>
    unversionedResourceCodec.encode({
      key: `subnet/${id}`,
      virtualSubnet: {
        ...VIRTUAL_SUBNET_DEFAULTS,
        id,
        resourceRef,
        vnetId: 'v',
        vni,
        prefix: { address: Uint8Array.of(10, 0, 0, 0), len: 24 },
        gateway: Uint8Array.of(10, 0, 0, 1),
      },
    }),
  );
const version = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test('a version goes on the wire, is read back exactly, and does not change the digest', (t) => {
  fc.assert(
    fc.property(content, version, version, (bytes, one, other) => {
      t.is(resourceCodec.decode(withVersion(bytes, one)).version, one);
      const plain = resourceDigest(bytes);
      t.true(equalBytes(resourceDigest(withVersion(bytes, one)), plain));
      t.true(equalBytes(resourceDigest(withVersion(bytes, other)), plain));
    }),
  );
});

test('a version in any place is left out of the digest', (t) => {
  const bytes = unversionedResourceCodec.encode({ key: 'host' });
  const versionFirst = Uint8Array.of(0x10, 0x96, 0x01, ...bytes);
  t.true(equalBytes(resourceDigest(versionFirst), resourceDigest(bytes)));
  t.is(resourceCodec.decode(versionFirst).version, 150);
});

test('a field that the proto does not know counts in the digest', (t) => {
  const bytes = unversionedResourceCodec.encode({ key: 'host' });
  const newer = Uint8Array.of(...bytes, 0xa2, 0x06, 0x01, 0x41);
  t.is(resourceCodec.decode(newer).key, 'host');
  t.false(equalBytes(resourceDigest(newer), resourceDigest(bytes)));
});

test('the hash is independent of order, and subtracting undoes adding', (t) => {
  fc.assert(
    fc.property(fc.array(content, { maxLength: 20 }), content, fc.nat(), (members, extra, turn) => {
      const sum = goalHash();
      for (const bytes of members) sum.add(resourceDigest(bytes));
      const before = sum.bytes();
      sum.add(resourceDigest(extra));
      t.false(equalBytes(sum.bytes(), before));
      sum.subtract(resourceDigest(extra));
      t.true(equalBytes(sum.bytes(), before));
      const at = members.length === 0 ? 0 : turn % members.length;
      const other = goalHash();
      for (const bytes of [...members.slice(at), ...members.slice(0, at)]) {
        other.add(resourceDigest(bytes));
      }
      t.true(equalBytes(other.bytes(), before));
    }),
  );
});

test('bytes that are no message are a typed fault, at every truncation', (t) => {
  const whole = withVersion(unversionedResourceCodec.encode({ key: 'vnet/1' }), 1_000_000);
  t.notThrows(() => resourceDigest(whole));
  for (const bytes of [
    whole.subarray(0, 3),
    whole.subarray(0, whole.length - 1),
    Uint8Array.of(0x0b),
    Uint8Array.of(0x80),
    Uint8Array.of(0x09, 1, 2),
    Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
  ]) {
    t.is(
      t.throws(() => resourceDigest(bytes), { instanceOf: SdnError })?.code,
      'SDN_SOUTHBOUND_MALFORMED',
    );
  }
});

test('a frame carries resources as their own bytes', (t) => {
  const bytes = Buffer.from(withVersion(unversionedResourceCodec.encode({ key: 'vnet/1' }), 7));
  const frame = { snapshot: { nonce: 3, revision: 9, resources: [bytes] } };
  t.deepEqual(controllerFrameCodec.decode(controllerFrameCodec.encode(frame)), frame);
});
