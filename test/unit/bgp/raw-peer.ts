/** A peer whose every byte the test writes, before a whole speaker, over a simulated network. 10.0.0.1 in AS 65001 is ours, 10.0.0.2 in AS 65002 the peer. */
import { ManualClock } from '../../../base/clock.ts';
import { millis, seconds } from '../../../base/units.ts';
import type { Connection } from '../../../bgp/session/transport.ts';
import type { Speaker, SpeakerOptions } from '../../../bgp/speaker/contract.ts';
import type { NeighbourOptions } from '../../../bgp/speaker/options.ts';
import type { NeighbourStatus } from '../../../bgp/speaker/status.ts';
import { createSpeaker } from '../../../bgp/speaker.ts';
import { SimulatedNetwork } from './session/simulated-network.ts';

const OURS = '10.0.0.1';
export const PEER = '10.0.0.2';
const NOTIFICATION = 3;

export const MARKER: readonly number[] = Array(16).fill(0xff);

export function message(type: number, body: readonly number[] = []): number[] {
  const length = 19 + body.length;
  return [...MARKER, length >> 8, length & 0xff, type, ...body];
}

export const KEEPALIVE: readonly number[] = message(4);

/** The body of an OPEN of the peer's. `parameters`: with their length, or lengths, in front. */
export function openBody(
  more: {
    readonly version?: number;
    readonly asn?: number;
    readonly holdTimeSec?: number;
    readonly identifier?: readonly number[];
    readonly parameters?: readonly number[];
  } = {},
): number[] {
  const { version = 4, asn = 65_002, holdTimeSec = 90, identifier = [10, 0, 0, 2] } = more;
  const { parameters = capabilities([65, 4, 0, 0, 0xfd, 0xea]) } = more;
  const fixed = [asn >> 8, asn & 0xff, holdTimeSec >> 8, holdTimeSec & 0xff];
  return [version, ...fixed, ...identifier, ...parameters];
}

/** Optional parameters with one that holds these capabilities. */
export function capabilities(...all: readonly (readonly number[])[]): number[] {
  const bytes = all.flat();
  return [2 + bytes.length, 2, bytes.length, ...bytes];
}

export function updateBody(parts: {
  readonly withdrawn?: readonly number[];
  readonly attributes?: readonly number[];
  readonly nlri?: readonly number[];
}): number[] {
  const { withdrawn = [], attributes = [], nlri = [] } = parts;
  const lengthOf = ({ length }: readonly number[]) => [length >> 8, length & 0xff];
  return [...lengthOf(withdrawn), ...withdrawn, ...lengthOf(attributes), ...attributes, ...nlri];
}

export class RawPeer {
  readonly clock: ManualClock = new ManualClock();
  readonly network: SimulatedNetwork = new SimulatedNetwork(this.clock);
  readonly speaker: Speaker;
  readonly received: number[] = [];
  #connection: Connection | undefined;
  isClosed = false;

  private constructor(options: Partial<SpeakerOptions>) {
    this.speaker = createSpeaker({
      ...{ clock: this.clock, asn: 65_001, routerId: OURS, listen: { addresses: [OURS] } },
      ...{ transport: this.network.host(OURS), ...options },
    });
  }

  /** Connected, and nothing said yet. */
  static async connect(
    neighbour: Partial<NeighbourOptions> = {},
    options: Partial<SpeakerOptions> = {},
  ): Promise<RawPeer> {
    const peer = new RawPeer(options);
    peer.speaker.setNeighbour({
      ...{ address: PEER, asn: 65_002, isPassive: true },
      ...{ importPolicy: 'accept-all', exportPolicy: 'accept-all', ...neighbour },
    });
    await peer.speaker.start();
    peer.connect();
    return peer;
  }

  /** With the session up. `parameters`: of the OPEN. */
  static async established(
    neighbour: Partial<NeighbourOptions> = {},
    parameters?: readonly number[],
  ): Promise<RawPeer> {
    const peer = await RawPeer.connect(neighbour);
    peer.open(parameters);
    return peer;
  }

  connect(): void {
    this.isClosed = false;
    this.#connection = this.network.host(PEER).connect(
      { remoteAddress: OURS, remotePort: 179, localAddress: undefined, security: {} },
      {
        onConnected: () => undefined,
        onData: (bytes) => {
          for (const byte of bytes) this.received.push(byte);
        },
        onProgress: () => undefined,
        onClosed: () => {
          this.isClosed = true;
        },
      },
    );
    this.clock.advance(millis(20));
  }

  open(parameters?: readonly number[]): void {
    const body = openBody(parameters === undefined ? {} : { parameters });
    this.write([...message(1, body), ...KEEPALIVE]);
  }

  /** And lets it be dealt with. */
  write(bytes: readonly number[] | Uint8Array): void {
    this.send(bytes);
    this.clock.advance(millis(20));
  }

  send(bytes: readonly number[] | Uint8Array): void {
    this.#connection?.write(Uint8Array.from(bytes));
  }

  advance(sec: number): void {
    this.clock.advance(seconds(sec));
  }

  close(): void {
    this.#connection?.close();
    this.clock.advance(millis(20));
  }

  get status(): NeighbourStatus {
    const found = this.speaker.neighbours().find(({ address }) => address === PEER);
    if (found === undefined) throw new Error('the neighbour is configured');
    return found;
  }

  /** The NOTIFICATION that came last, `code/subcode data` in hexadecimal; undefined: none, and the session goes on. */
  get notification(): string | undefined {
    let last: string | undefined;
    for (let at = 0; at + 19 <= this.received.length; ) {
      const length = (this.received[at + 16] ?? 0) * 256 + (this.received[at + 17] ?? 0);
      if (this.received[at + 18] === NOTIFICATION) {
        const [code, subcode, ...data] = this.received.slice(at + 19, at + length);
        last = `${code}/${subcode} ${Buffer.from(data).toString('hex')}`.trim();
      }
      at += length;
    }
    return last;
  }

  /** How many messages of that type it has been sent. */
  count(type: number): number {
    let count = 0;
    for (let at = 0; at + 19 <= this.received.length; ) {
      if (this.received[at + 18] === type) count += 1;
      at += (this.received[at + 16] ?? 0) * 256 + (this.received[at + 17] ?? 0);
    }
    return count;
  }
}
