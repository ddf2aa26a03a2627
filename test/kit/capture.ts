/**
 * Frames as they pass an interface inside a namespace, by tcpdump, read from its pcap output (libpcap savefile format: a 24-byte
 * header, then per packet a 16-byte header with the captured length at 8).
 */
import { sleep, systemClock } from '../../base/clock.ts';
import type { Argv } from '../../fabric/command.ts';
import { CAPTURE_SETTLE } from './limits.ts';
import { type Program, startProgram } from './program.ts';

export interface CapturedFrame {
  /** From the Ethernet header on. */
  readonly bytes: Uint8Array;
}

export interface Capture {
  /** What has been seen so far. */
  frames(): readonly CapturedFrame[];
  /** Waits until tcpdump has written what passed before this call, then ends the capture. */
  stop(): Promise<readonly CapturedFrame[]>;
}

/** `filter`: as of pcap-filter(7); '' for everything. Both directions, inbound only with `inbound`. */
export async function startCapture(options: {
  readonly namespace: string;
  readonly device: string;
  readonly filter?: string;
  readonly inbound?: boolean;
}): Promise<Capture> {
  const { namespace, device, filter = '', inbound = false } = options;
  const argv: Argv = [
    'tcpdump',
    ...['-i', device, '-U', '--immediate-mode', '-n', '-s', '0', '-w', '-'],
    ...(inbound ? ['-Q', 'in'] : []),
    ...(filter === '' ? [] : [filter]),
  ];
  const program: Program = await startProgram(namespace, argv, 'listening on');
  return {
    frames: () => parsePcap(program.stdout()),
    async stop() {
      await sleep(systemClock, CAPTURE_SETTLE);
      await program.stop('SIGINT');
      return parsePcap(program.stdout());
    },
  };
}

const FILE_HEADER_LEN = 24;
const PACKET_HEADER_LEN = 16;
const CAPTURED_LEN = 8;
/** Of a file in the byte order of the machine that reads it. */
const MAGIC_LITTLE_ENDIAN = 0xa1b2c3d4;

/** Complete packets of a savefile; a last one that is still being written is left out. */
export function parsePcap(file: Uint8Array): readonly CapturedFrame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.byteLength < FILE_HEADER_LEN) return [];
  const littleEndian = view.getUint32(0, true) === MAGIC_LITTLE_ENDIAN;
  const frames: CapturedFrame[] = [];
  let at = FILE_HEADER_LEN;
  while (at + PACKET_HEADER_LEN <= view.byteLength) {
    const len = view.getUint32(at + CAPTURED_LEN, littleEndian);
    const start = at + PACKET_HEADER_LEN;
    if (start + len > view.byteLength) break;
    frames.push({ bytes: file.slice(start, start + len) });
    at = start + len;
  }
  return frames;
}
