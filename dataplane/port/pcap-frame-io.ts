/**
 * FrameIo that replays captured frames into one port and records what is sent to any: a trace of a fault becomes a test, and a test's
 * traffic a file for Wireshark. Frames come as fast as they are asked for; their times in the capture are not kept.
 *
 * A memory FrameIo underneath; frames the capture cut short are left out, since they never existed. Called by tests and simulation.
 */
import { type MemoryFrameIo, memoryFrameIo } from './memory-frame-io.ts';
import { type PcapRecord, writePcap } from './pcap-file.ts';

export interface PcapFrameIo extends MemoryFrameIo {
  /** Queues the records for reception on `port`; how many were whole. */
  replay(port: number, records: readonly PcapRecord[]): number;
  /** Frames sent since the last call as a savefile; `atSec` is their time. */
  takeSentAsPcap(atSec: number): Uint8Array;
}

export function pcapFrameIo(): PcapFrameIo {
  const io = memoryFrameIo();
  return Object.assign(io, {
    replay(port: number, records: readonly PcapRecord[]): number {
      const whole = records.filter(({ bytes, originalLen }) => bytes.length === originalLen);
      for (const { bytes } of whole) io.deliver(port, bytes);
      return whole.length;
    },
    takeSentAsPcap(atSec: number): Uint8Array {
      return writePcap(
        io.takeSent().map(({ bytes }) => ({ atSec, bytes, originalLen: bytes.length })),
      );
    },
  });
}
