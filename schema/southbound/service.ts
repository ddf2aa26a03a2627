/**
 * The one gRPC method of the southbound (weft.proto, service GoalState), in the shape that @grpc/grpc-js takes for clients
 * and for servers. The agent opens it, the controller serves it.
 */
import { type ControllerFrame, controllerFrameCodec, targetMessageCodec } from './codec.ts';
import type { TargetMessage } from './messages.ts';

export interface StreamMethod {
  readonly path: string;
  readonly requestStream: true;
  readonly responseStream: true;
  requestSerialize(message: TargetMessage): Buffer;
  requestDeserialize(bytes: Buffer): TargetMessage;
  responseSerialize(frame: ControllerFrame): Buffer;
  responseDeserialize(bytes: Buffer): ControllerFrame;
}

export const GOAL_STATE_STREAM: StreamMethod = {
  path: '/weft.southbound.v1.GoalState/Stream',
  requestStream: true,
  responseStream: true,
  requestSerialize: targetMessageCodec.encode,
  requestDeserialize: targetMessageCodec.decode,
  responseSerialize: controllerFrameCodec.encode,
  responseDeserialize: controllerFrameCodec.decode,
};

/** A snapshot of the largest slice: 2^20 resources of 128 bytes. Larger messages end the stream. */
export const MESSAGE_BYTES_MAX: number = 128 * 1024 * 1024;
