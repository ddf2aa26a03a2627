/**
 * Encodes and decodes the southbound's two stream messages (weft.proto). Decoding accepts any bytes: it returns a complete message,
 * every absent scalar at its proto3 default, or throws protobufjs' error for bytes that are no message; unsigned 64-bit
 * fields (revisions, MAC addresses) are numbers, exact to 2^53.
 *
 * Controller messages carry their resources as bytes (`repeated bytes` and `repeated Resource` are the same on the wire).
 * The controller encodes a resource once however many targets need it, and a target keeps what it was sent to the last
 * byte, fields it does not know included: that is what goal-hash.ts hashes and what the saved goal state holds.
 */
import protobuf from 'protobufjs';
import { DESCRIPTOR, type Query, type Resource, type TargetMessage } from './messages.ts';

export interface Codec<T> {
  encode(message: T): Buffer;
  decode(bytes: Uint8Array): T;
}

/** ControllerMessage of weft.proto; exactly one field is set. */
export interface ControllerFrame {
  readonly snapshot?: SnapshotFrame;
  readonly delta?: DeltaFrame;
  readonly query?: Query;
}

export interface SnapshotFrame {
  readonly nonce: number;
  readonly revision: number;
  /** Each a Resource. */
  readonly resources: readonly Uint8Array[];
}

export interface DeltaFrame {
  readonly nonce: number;
  readonly revision: number;
  /** Each a Resource. */
  readonly upserts: readonly Uint8Array[];
  /** Keys. */
  readonly removes: readonly string[];
  readonly goalHash: Uint8Array;
}

/** A resource whose version is not known yet: what the compiler makes and goal-hash.ts completes. */
export type UnversionedResource = Omit<Resource, 'version'>;

const CONVERSION: protobuf.IConversionOptions = {
  longs: Number,
  defaults: true,
  arrays: true,
  oneofs: false,
};

const root = protobuf.Root.fromJSON(DESCRIPTOR as unknown as protobuf.INamespace);
const frameRoot = protobuf.Root.fromJSON(resourcesAsBytes());

export const targetMessageCodec: Codec<TargetMessage> = codec(root, 'TargetMessage');
export const controllerFrameCodec: Codec<ControllerFrame> = codec(frameRoot, 'ControllerMessage');
export const resourceCodec: Codec<Resource> = codec(root, 'Resource');
export const unversionedResourceCodec: Pick<
  Codec<UnversionedResource>,
  'encode'
> = resourceEncoder();

function codec<T extends object>(types: protobuf.Root, name: string): Codec<T> {
  const type = types.lookupType(`weft.southbound.v1.${name}`);
  return {
    encode: (message) => Buffer.from(type.encode(message as Record<string, unknown>).finish()),
    decode: (bytes) => type.toObject(type.decode(bytes), CONVERSION) as T,
  };
}

function resourceEncoder(): Pick<Codec<UnversionedResource>, 'encode'> {
  const { encode } = codec<UnversionedResource>(root, 'Resource');
  return { encode };
}

function resourcesAsBytes(): protobuf.INamespace {
  const types = protobuf.Root.fromJSON(DESCRIPTOR as unknown as protobuf.INamespace);
  for (const path of ['Snapshot.resources', 'Delta.upserts']) {
    const [message = '', field = ''] = path.split('.');
    const found = types.lookupType(`weft.southbound.v1.${message}`).fields[field];
    if (found?.type !== 'Resource')
      throw new Error(`weft.proto: ${path} is not a list of Resource`);
    found.type = 'bytes';
  }
  return types.toJSON();
}
