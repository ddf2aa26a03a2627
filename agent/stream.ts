/**
 * The way to the controller: one gRPC channel over TLS with the target's own certificate, to `unix:PATH` or `HOST:PORT`, and on it
 * one stream at a time. The server proves the name `controller` whatever the path to it. A stream is tried once;
 * agent/agent.ts tries again.
 */
import { Client, connectivityState, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';
import type { ControllerFrame } from '../schema/southbound/codec.ts';
import type { TargetMessage } from '../schema/southbound/messages.ts';
import { GOAL_STATE_STREAM, MESSAGE_BYTES_MAX } from '../schema/southbound/service.ts';
import {
  CLOSE_TIMEOUT,
  HELLO_TIMEOUT,
  KEEPALIVE_INTERVAL,
  KEEPALIVE_TIMEOUT,
  RECONNECT_DELAY_MAX,
  RECONNECT_DELAY_MIN,
} from './limits.ts';

/** PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface ChannelOptions {
  /** `unix:PATH` or `HOST:PORT` */
  readonly controller: string;
  readonly tls: TlsMaterial;
  readonly clock: Clock;
}

export interface Channel {
  open(options: StreamOptions): Stream;
  /** Waits for a handshake that is under way: closing then would leave its connection open. */
  close(): Promise<void>;
}

export interface StreamOptions {
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
  'grpc.initial_reconnect_backoff_ms': RECONNECT_DELAY_MIN,
  'grpc.max_reconnect_backoff_ms': RECONNECT_DELAY_MAX,
  // Two targets of one process must not share a connection: it carries the certificate of one of them.
  'grpc.use_local_subchannel_pool': 1,
} as const;

export function openChannel({ controller, tls, clock }: ChannelOptions): Channel {
  const { ca, key, cert } = tls;
  const client = new Client(controller, credentials.createSsl(ca, key, cert), CHANNEL_OPTIONS);
  return {
    open: (options) => openStream({ client, clock }, options),
    close: async () => {
      await handshakeEnd(client, clock);
      client.close();
    },
  };
}

function openStream(
  { client, clock }: { readonly client: Client; readonly clock: Clock },
  options: StreamOptions,
): Stream {
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
    options.onEnd(reason);
  };
  const timer = clock.after(HELLO_TIMEOUT, () => {
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

function handshakeEnd(client: Client, clock: Clock): Promise<void> {
  const channel = client.getChannel();
  if (channel.getConnectivityState(false) !== connectivityState.CONNECTING)
    return Promise.resolve();
  return new Promise((resolve) => {
    const deadline = new Date(clock.wallNow() + CLOSE_TIMEOUT);
    channel.watchConnectivityState(connectivityState.CONNECTING, deadline, () => resolve());
  });
}
