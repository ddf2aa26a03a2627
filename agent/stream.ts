/**
 * One stream to the controller: gRPC over TLS with the target's own certificate, to `unix:PATH` or `HOST:PORT`. The server
 * proves the name `controller` whatever the path to it. A stream is tried once; agent/agent.ts tries again.
 */
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';
import type { ControllerFrame } from '../schema/southbound/codec.ts';
import type { TargetMessage } from '../schema/southbound/messages.ts';
import { GOAL_STATE_STREAM, MESSAGE_BYTES_MAX } from '../schema/southbound/service.ts';
import { HELLO_TIMEOUT, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT } from './limits.ts';

/** PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface StreamOptions {
  /** `unix:PATH` or `HOST:PORT` */
  readonly controller: string;
  readonly tls: TlsMaterial;
  readonly clock: Clock;
  /** Hello; sent first. */
  readonly hello: TargetMessage;
  /** The controller has accepted Hello. */
  onAccepted(): void;
  onFrame(frame: ControllerFrame): void;
  /** Exactly once, with the reason; nothing follows it. */
  onEnd(reason: string): void;
}

export interface Stream {
  send(message: TargetMessage): void;
  /** Ends it from this side; onEnd follows. */
  close(reason: string): void;
}

const CHANNEL_OPTIONS = {
  'grpc.ssl_target_name_override': 'controller',
  'grpc.default_authority': 'controller',
  'grpc.keepalive_time_ms': KEEPALIVE_INTERVAL,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  // One channel serves one stream: sharing connections between two targets of a process would mix up their certificates.
  'grpc.use_local_subchannel_pool': 1,
} as const;

export function openStream(options: StreamOptions): Stream {
  const { ca, key, cert } = options.tls;
  const channel = credentials.createSsl(ca, key, cert);
  const client = new Client(options.controller, channel, CHANNEL_OPTIONS);
  const { path, requestSerialize, responseDeserialize } = GOAL_STATE_STREAM;
  const call = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
  );
  let accepted = false;
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    timer.cancel();
    call.cancel();
    client.close();
    options.onEnd(reason);
  };
  const timer = options.clock.after(HELLO_TIMEOUT, () => {
    if (!accepted) end('the controller does not answer');
  });
  call.on('metadata', () => {
    if (ended) return;
    accepted = true;
    options.onAccepted();
  });
  call.on('data', (frame: ControllerFrame) => {
    if (!ended) options.onFrame(frame);
  });
  call.on('status', (status: StatusObject) => end(status.details || `status ${status.code}`));
  call.on('error', (error: Error) => end(error.message));
  call.write(options.hello);
  return {
    send: (message) => {
      if (!ended) call.write(message);
    },
    close: end,
  };
}
