/** Reads what the switch's captures write, block by block, and asks tcpdump what it makes of it: for the tests of captures. */
import { execFileSync } from 'node:child_process';

export interface SeenPacket {
  readonly interfaceName: string;
  readonly direction: 'inbound' | 'outbound';
  readonly comment: string;
  readonly ns: bigint;
  readonly originalLen: number;
  readonly bytes: Uint8Array;
}

export interface Savefile {
  readonly interfaces: readonly string[];
  readonly packets: readonly SeenPacket[];
  /** Frames lost, by interface. */
  readonly lost: ReadonlyMap<string, number>;
}

export function readSavefile(file: Uint8Array): Savefile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const u32 = (at: number) => view.getUint32(at, true);
  const interfaces: string[] = [];
  const packets: SeenPacket[] = [];
  const lost = new Map<string, number>();
  for (let at = 0; at < file.length; at += u32(at + 4)) {
    const len = u32(at + 4);
    if (len % 4 !== 0 || u32(at + len - 4) !== len) throw new Error(`block at ${at} is broken`);
    const options = (from: number) => readOptions(file.subarray(at + from, at + len - 4));
    const type = u32(at);
    if (type === 1) interfaces.push(text(options(16).get(2)));
    if (type === 5) {
      const count = options(20).get(5) ?? new Uint8Array(8);
      lost.set(interfaces[u32(at + 8)] ?? '', count[0] ?? 0);
    }
    if (type !== 6) continue;
    const captured = u32(at + 20);
    const found = options(28 + captured + (-captured & 3));
    packets.push({
      interfaceName: interfaces[u32(at + 8)] ?? '',
      direction: ((found.get(2)?.[0] ?? 0) & 3) === 1 ? 'inbound' : 'outbound',
      comment: text(found.get(1)),
      ns: (BigInt(u32(at + 12)) << 32n) | BigInt(u32(at + 16)),
      originalLen: u32(at + 24),
      bytes: file.slice(at + 28, at + 28 + captured),
    });
  }
  return { interfaces, packets, lost };
}

/** tcpdump's lines about a file, without times and names. */
export function tcpdumpLines(file: Uint8Array): string[] {
  const out = execFileSync('tcpdump', ['-r', '-', '-n', '-t', '-e'], {
    input: file,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return out
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

function readOptions(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const code = view.getUint16(at, true);
    const len = view.getUint16(at + 2, true);
    if (code === 0) break;
    found.set(code, bytes.slice(at + 4, at + 4 + len));
    at += 4 + len + (-len & 3);
  }
  return found;
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}
