/**
 * The gRPC side of the southbound: one bidirectional stream per target over TLS with a client certificate, on a unix socket or TCP.
 * TLS refuses a client without a certificate of our authority; the certificate's CN and OU are who the target is. This file
 * knows no goal state: it hands streams with their messages to target-sessions.ts.
 */
import { rm } from 'node:fs/promises';
import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from '@grpc/grpc-js';
import type { ControllerFrame } from '../../schema/southbound/codec.ts';
import type { TargetMessage } from '../../schema/southbound/messages.ts';
import { GOAL_STATE_STREAM } from '../../schema/southbound/service.ts';
import { KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, REPORT_BYTES_MAX } from './limits.ts';
import type { End } from './session.ts';

/** PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Subject of the client's certificate, lower-cased. */
export interface PeerIdentity {
  readonly commonName: string;
  readonly organizationalUnit: string;
}

export interface SouthboundStream {
  readonly peer: PeerIdentity;
  /** Tells the client that its Hello is accepted. */
  accept(): void;
  send(frame: ControllerFrame): void;
  end(end: End): void;
}

export interface StreamHandler {
  onMessage(message: TargetMessage): void;
  /** Exactly once, whoever ended it. */
  onEnd(): void;
}

export interface SouthboundServer {
  /** Port that TCP is bound to; undefined for a unix socket. */
  readonly port: number | undefined;
  close(): void;
}

export interface ServerOptions {
  /** `unix:PATH` or `HOST:PORT`; port 0 takes any. */
  readonly listen: string;
  readonly tls: TlsMaterial;
  onStream(stream: SouthboundStream): StreamHandler;
}

type Call = ServerDuplexStream<TargetMessage, ControllerFrame>;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': REPORT_BYTES_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_INTERVAL,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT,
};
const UNIX = 'unix:';

export async function serveSouthbound(options: ServerOptions): Promise<SouthboundServer> {
  const { ca, cert, key } = options.tls;
  const server = new Server(CHANNEL_OPTIONS);
  const stream: MethodDefinition<TargetMessage, ControllerFrame> = GOAL_STATE_STREAM;
  server.addService({ stream }, { stream: (call: Call) => serve(call, options) });
  const pair = [{ cert_chain: cert, private_key: key }];
  // A socket left behind by a killed controller; the state directory's lock says that no other one lives.
  if (options.listen.startsWith(UNIX)) await rm(options.listen.slice(UNIX.length), { force: true });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      options.listen,
      ServerCredentials.createSsl(ca, pair, true),
      (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      },
    );
  });
  return {
    port: options.listen.startsWith(UNIX) ? undefined : port,
    close: () => server.forceShutdown(),
  };
}

function serve(call: Call, options: ServerOptions): void {
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    handler.onEnd();
  };
  const handler = options.onStream({
    peer: identityOf(call),
    accept: () => call.sendMetadata(new Metadata()),
    send: (frame) => {
      if (!over) call.write(frame);
    },
    end: ({ status: name, message }) => {
      if (over) return;
      call.emit('error', { code: status[name], details: message });
      finish();
    },
  });
  call.on('data', (message: TargetMessage) => {
    if (!over) handler.onMessage(message);
  });
  call.on('end', () => {
    call.end();
    finish();
  });
  call.on('cancelled', finish);
  call.on('error', finish);
}

function identityOf(call: Call): PeerIdentity {
  const subject = call.getAuthContext().sslPeerCertificate?.subject;
  return {
    commonName: String(subject?.CN ?? '').toLowerCase(),
    organizationalUnit: String(subject?.OU ?? '').toLowerCase(),
  };
}
