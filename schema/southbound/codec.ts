/**
 * Encodes and decodes the southbound's two stream messages (weft.proto). Decoding accepts any bytes: it returns a complete message,
 * every absent scalar at its proto3 default, or throws protobufjs' error for bytes that are no message; unsigned 64-bit
 * fields (revisions, MAC addresses) are numbers, exact to 2^53.
 */
import protobuf from 'protobufjs';
import {
  type ControllerMessage,
  DESCRIPTOR,
  type Resource,
  type TargetMessage,
} from './messages.ts';

export interface Codec<T> {
  encode(message: T): Buffer;
  decode(bytes: Uint8Array): T;
}

const root = protobuf.Root.fromJSON(DESCRIPTOR as unknown as protobuf.INamespace);

const CONVERSION: protobuf.IConversionOptions = {
  longs: Number,
  defaults: true,
  arrays: true,
  oneofs: false,
};

export const targetMessageCodec: Codec<TargetMessage> = codec('TargetMessage');
export const controllerMessageCodec: Codec<ControllerMessage> = codec('ControllerMessage');
/** One goal-state resource alone: what hashes and the saved goal state are made of. */
export const resourceCodec: Codec<Resource> = codec('Resource');

function codec<T extends object>(name: string): Codec<T> {
  const type = root.lookupType(`weft.southbound.v1.${name}`);
  return {
    encode: (message) => Buffer.from(type.encode(message as Record<string, unknown>).finish()),
    decode: (bytes) => type.toObject(type.decode(bytes), CONVERSION) as T,
  };
}
