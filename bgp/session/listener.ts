/**
 * The passive side: accepts connections on the BGP port and gives each to the neighbour of its remote address; who has no neighbour entry may
 * still be one by prefix (dynamic neighbours). RFC 4271 §8.2.1: one listener for all sessions.
 *
 * A stranger is closed without a word — an answer would only tell a scanner what listens here — and counted. Called by the speaker.
 */
import { type IpPrefixWords, parseIpWords, prefixHasWords } from '../../base/ip-words.ts';
import type { Session } from './session.ts';
import type { Connection, Listening, SecuredPeers, Transport } from './transport.ts';

export interface ListenerOptions {
  readonly transport: Transport;
  readonly addresses: readonly string[];
  readonly port: number;
  /** The session of that address, made now where a prefix allows it; undefined for strangers. */
  sessionOf(remoteAddress: string): Session | undefined;
}

export interface Listener {
  readonly ports: readonly number[];
  /** Connections from addresses that are nobody's. */
  readonly strangers: number;
  /** What connections must prove from now on, by who they come from; others nothing. */
  secure(wanted: readonly SecuredPeers[]): void;
  close(): Promise<void>;
}

/** Rejects, with nothing left open, when an address cannot be bound. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  let strangers = 0;
  let secured = new Map<string, SecuredPeers>();
  const onConnection = (connection: Connection): void => {
    const session = options.sessionOf(connection.remoteAddress);
    if (session !== undefined) {
      session.accept(connection);
      return;
    }
    strangers += 1;
    connection.close();
  };
  const open: Listening[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.map((each) => each.close()));
  };
  try {
    for (const address of options.addresses) {
      open.push(await options.transport.listen({ address, port: options.port }, onConnection));
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    ports: open.map((each) => each.port),
    get strangers() {
      return strangers;
    },
    secure(wanted) {
      const before = secured;
      secured = new Map(wanted.map((each) => [JSON.stringify(each.peers), each]));
      for (const [key, { peers }] of before) {
        if (!secured.has(key)) for (const each of open) each.secure(peers, undefined);
      }
      for (const { peers, security } of secured.values()) {
        for (const each of open) each.secure(peers, security);
      }
    },
    close,
  };
}

/** The longest of the prefixes that holds `address`. */
export function matchingPrefix<T extends { readonly prefix: IpPrefixWords }>(
  address: string,
  entries: readonly T[],
): T | undefined {
  const words = parseIpWords(address);
  if (words === undefined) return undefined;
  return entries
    .filter(({ prefix }) => prefixHasWords(prefix, words))
    .sort((a, b) => b.prefix.len - a.prefix.len)[0];
}
