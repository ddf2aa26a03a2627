/**
 * The peers of a scene as one program, in the tester's namespace: `tester.js SCENE-AS-JSON`. Prints one line of JSON when all sessions are up,
 * when all receivers have everything, and when they have nothing again; goes on with each line on standard input. Exits with 1, and says why,
 * when a session is lost. Started by run.ts.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { systemClock } from '../../base/clock.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { seededRng } from '../../base/rng.ts';
import { HOLD_TIME_SEC, type Scene, TARGET, type TesterSession } from './contestant.ts';
import { Peer } from './peer.ts';
import { makeTable, type Table } from './routes.ts';

export type Phase = 'up' | 'announced' | 'withdrawn';

export interface Report {
  readonly phase: Phase;
  /** From the first byte of the phase to the last prefix at the last receiver. */
  readonly elapsedSec: number;
  /** Longest time that a peer has heard nothing in this phase. */
  readonly silenceSec: number;
}

interface Feeder {
  readonly peer: Peer;
  readonly table: Table;
}

const scene = JSON.parse(process.argv[2] ?? '{}') as Scene;
let onCount = (): void => undefined;
const peers = scene.sessions.map((session) => ({ session, peer: peerOf(session) }));
const feeders: Feeder[] = peers
  .filter(({ session }) => session.count > 0)
  .map(({ session, peer }) => ({ peer, table: tableOf(session) }));
const receivers = peers.filter(({ session }) => session.count === 0);
const commands = createInterface({ input: process.stdin });

function peerOf({ address, asn }: TesterSession): Peer {
  return new Peer({
    ...{ localAddress: address, asn, holdTimeSec: HOLD_TIME_SEC },
    remoteAddress: address.includes(':') ? TARGET.ipv6 : TARGET.ipv4,
    onCount: () => onCount(),
    onLost(why) {
      process.stderr.write(`session of ${address}: ${why}\n`);
      process.exit(1);
    },
  });
}

function tableOf({ address, asn, count, block }: TesterSession): Table {
  const words = parseIpWords(address);
  const nextHop = words === undefined ? new Uint8Array() : ipAddressBytes(words);
  const afi = address.includes(':') ? 6 : 4;
  return makeTable(seededRng(1 + block), { afi, count, block, asn, nextHop });
}

/** What a receiver knows when it knows all of its family. */
function total(isIpv6: boolean): number {
  return scene.sessions
    .filter(({ address }) => address.includes(':') === isIpv6)
    .reduce((sum, { count }) => sum + count, 0);
}

async function play(phase: Phase): Promise<void> {
  const isDone = (): boolean =>
    receivers.every(({ session, peer }) => {
      const wanted = phase === 'withdrawn' ? 0 : total(session.address.includes(':'));
      return peer.known === wanted;
    });
  for (const { peer } of peers) peer.resetSilence();
  const startedAt = systemClock.now();
  const done = new Promise<void>((resolve) => {
    onCount = () => {
      if (isDone()) resolve();
    };
  });
  for (const { peer, table } of feeders) {
    void peer.send(phase === 'withdrawn' ? table.withdrawals : table.announcements);
  }
  await done;
  report(phase, startedAt);
}

function report(phase: Phase, startedAt: number): void {
  const silenceMs = Math.max(...peers.map(({ peer }) => peer.longestSilenceMs()));
  const elapsedSec = (systemClock.now() - startedAt) / 1000;
  const line: Report = { phase, elapsedSec, silenceSec: silenceMs / 1000 };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const startedAt = systemClock.now();
await Promise.all(peers.map(({ peer }) => peer.up));
report('up', startedAt);
for (const phase of ['announced', 'withdrawn'] as const) {
  await once(commands, 'line');
  await play(phase);
}
await once(commands, 'line');
process.exit(0);
