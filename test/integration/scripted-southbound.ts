/**
 * A controller's southbound that says what a test tells it to: each host gets the resources set for it, as a snapshot, on connect and on
 * every change. What hosts report is kept.
 */
import { readFile } from 'node:fs/promises';
import { type SouthboundStream, serveSouthbound } from '../../controller/southbound/server.ts';
import type { Credentials } from '../../identity/certificate-authority.ts';
import { resourceCodec } from '../../schema/southbound/codec.ts';
import type { Ack, Report, Resource } from '../../schema/southbound/messages.ts';

export interface ScriptedSouthbound {
  /** The whole goal state of a host; sent at once if it is connected. */
  set(host: string, resources: readonly Resource[]): void;
  /** Newest report and ack of a host. */
  report(host: string): Report | undefined;
  ack(host: string): Ack | undefined;
  close(): void;
}

interface HostState {
  resources: readonly Resource[];
  stream: SouthboundStream | undefined;
  report: Report | undefined;
  ack: Ack | undefined;
}

export async function scriptedSouthbound(
  socketPath: string,
  credentials: Credentials,
): Promise<ScriptedSouthbound> {
  const hosts = new Map<string, HostState>();
  const stateOf = (host: string): HostState => {
    const state = hosts.get(host) ?? {
      resources: [],
      stream: undefined,
      report: undefined,
      ack: undefined,
    };
    hosts.set(host, state);
    return state;
  };
  let revision = 0;
  const send = (state: HostState): void => {
    revision += 1;
    const resources = state.resources.map((resource) => resourceCodec.encode(resource));
    state.stream?.send({ snapshot: { nonce: revision, revision, resources } });
  };
  const [ca, cert, key] = await Promise.all([
    readFile(credentials.ca),
    readFile(credentials.cert),
    readFile(credentials.key),
  ]);
  const server = await serveSouthbound({
    listen: `unix:${socketPath}`,
    tls: { ca, cert, key },
    onStream: (stream) => {
      const state = stateOf(stream.peer.commonName);
      return {
        onMessage: (message) => {
          if (message.hello !== undefined) {
            state.stream = stream;
            stream.accept();
            send(state);
          }
          state.report = message.report ?? state.report;
          state.ack = message.ack ?? state.ack;
        },
        onEnd: () => {
          if (state.stream === stream) state.stream = undefined;
        },
      };
    },
  });
  return {
    set: (host, resources) => {
      const state = stateOf(host);
      state.resources = resources;
      send(state);
    },
    report: (host) => stateOf(host).report,
    ack: (host) => stateOf(host).ack,
    close: () => server.close(),
  };
}
