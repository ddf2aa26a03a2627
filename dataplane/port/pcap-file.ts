/**
 * pcap savefiles (draft-ietf-opsawg-pcap): Ethernet frames in and out, so that captures replay and what a test saw opens in Wireshark.
 *
 *   file:   magic u32 | major u16 | minor u16 | reserved u64 | snaplen u32 | link type u32          24 bytes
 *   record: seconds u32 | fraction u32 | captured length u32 | original length u32 | bytes          16 bytes + captured
 *
 * Supported: both byte orders, micro- and nanosecond fractions, link type 1 (Ethernet). Omitted: pcapng. Called by pcap-frame-io.ts.
 */
import { SdnError } from '../../base/errors.ts';

export interface PcapRecord {
  /** Since 1970-01-01T00:00:00Z, with a fraction. */
  readonly atSec: number;
  /** As captured, perhaps shorter than the frame was. */
  readonly bytes: Uint8Array;
  /** Length on the wire. */
  readonly originalLen: number;
}

const FILE_HEADER_LEN = 24;
const RECORD_HEADER_LEN = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const LINK_TYPE_ETHERNET = 1;
/** As tcpdump's default; a longer record means that the file is damaged. */
const SNAP_LEN = 262_144;

/** Throws an SdnError for a file that is none, or is damaged; a record cut off at the end of the file is left out. */
export function readPcap(file: Uint8Array): PcapRecord[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const format = file.length < FILE_HEADER_LEN ? undefined : formatOf(view);
  if (format === undefined) throw malformed('it does not begin with a pcap header');
  const { isLittleEndian, fractionsPerSec } = format;
  const linkType = view.getUint32(20, isLittleEndian) & 0xffff;
  if (linkType !== LINK_TYPE_ETHERNET)
    throw malformed(`its link type is ${linkType}, not Ethernet`);
  const records: PcapRecord[] = [];
  let at = FILE_HEADER_LEN;
  while (at + RECORD_HEADER_LEN <= file.length) {
    const capturedLen = view.getUint32(at + 8, isLittleEndian);
    if (capturedLen > SNAP_LEN) throw malformed(`the record at ${at} has an impossible length`);
    const start = at + RECORD_HEADER_LEN;
    if (start + capturedLen > file.length) break;
    records.push({
      atSec:
        view.getUint32(at, isLittleEndian) +
        view.getUint32(at + 4, isLittleEndian) / fractionsPerSec,
      bytes: file.slice(start, start + capturedLen),
      originalLen: view.getUint32(at + 12, isLittleEndian),
    });
    at = start + capturedLen;
  }
  return records;
}

/** A savefile in big-endian order with microseconds. */
export function writePcap(records: readonly PcapRecord[]): Uint8Array {
  const total = records.reduce((sum, { bytes }) => sum + RECORD_HEADER_LEN + bytes.length, 0);
  const file = new Uint8Array(FILE_HEADER_LEN + total);
  const view = new DataView(file.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS);
  view.setUint16(4, 2);
  view.setUint16(6, 4);
  view.setUint32(16, SNAP_LEN);
  view.setUint32(20, LINK_TYPE_ETHERNET);
  let at = FILE_HEADER_LEN;
  for (const { atSec, bytes, originalLen } of records) {
    const whole = Math.floor(atSec);
    view.setUint32(at, whole);
    view.setUint32(at + 4, Math.floor((atSec - whole) * 1e6));
    view.setUint32(at + 8, bytes.length);
    view.setUint32(at + 12, originalLen);
    file.set(bytes, at + RECORD_HEADER_LEN);
    at += RECORD_HEADER_LEN + bytes.length;
  }
  return file;
}

interface Format {
  readonly isLittleEndian: boolean;
  readonly fractionsPerSec: number;
}

function formatOf(view: DataView): Format | undefined {
  for (const isLittleEndian of [false, true]) {
    const magic = view.getUint32(0, isLittleEndian);
    if (magic === MAGIC_MICROSECONDS) return { isLittleEndian, fractionsPerSec: 1e6 };
    if (magic === MAGIC_NANOSECONDS) return { isLittleEndian, fractionsPerSec: 1e9 };
  }
  return undefined;
}

function malformed(why: string): SdnError {
  return new SdnError('SDN_PCAP', `not a usable pcap file: ${why}`, {
    remedy: 'Write it with `tcpdump -w FILE`; pcapng can be converted with `editcap -F pcap`.',
  });
}
