/**
 * One capture: a filter, its bounds, and what it has recorded and nobody has read yet. It ends by itself at its bounds, when it is
 * stopped, or when nobody reads it any more; what it has recorded can be read until the reader knows of the end. Frames that come
 * while the buffer is full are lost to the capture (never to the network) and counted, in the file too.
 * Called by captures.ts.
 */
import type {
  CaptureEnd,
  CaptureRequest,
  CaptureStatus,
} from '../../schema/southbound/diagnostics/capture.ts';
import {
  CAPTURE_BUFFER_BYTES,
  CAPTURE_BYTES_MAX,
  CAPTURE_PACKETS_MAX,
  CAPTURE_SEC_MAX,
  CAPTURE_UNREAD_SEC_MAX,
  FRAME_BYTES_MAX,
} from '../limits.ts';
import { PcapngBuffer, type PcapngPacket } from '../port/pcapng-file.ts';
import { CompiledFilter } from './capture-filter.ts';

/** A port as a capture names it. */
export interface CaptureInterface {
  readonly name: string;
  readonly description: string;
}

interface Interface {
  readonly id: number;
  received: number;
  lost: number;
}

export class Capture {
  readonly id: number;
  readonly filter: CompiledFilter;
  readonly #request: CaptureRequest;
  readonly #buffer = new PcapngBuffer(CAPTURE_BUFFER_BYTES);
  /** By port number. */
  readonly #interfaces = new Map<number, Interface>();
  readonly #snapLen: number;
  readonly #packetsMax: number;
  readonly #bytesMax: number;
  readonly #endAtMs: number;
  #unreadAtMs: number;
  #packets = 0;
  #lost = 0;
  #bytesRead = 0;
  #ended: CaptureEnd | undefined;

  constructor(id: number, request: CaptureRequest, nowMs: number) {
    this.id = id;
    this.filter = new CompiledFilter(request.filter);
    this.#request = request;
    this.#snapLen = Math.min(request.snapLen ?? FRAME_BYTES_MAX, FRAME_BYTES_MAX);
    this.#packetsMax = Math.min(request.packetsMax ?? CAPTURE_PACKETS_MAX, CAPTURE_PACKETS_MAX);
    this.#bytesMax = Math.min(request.bytesMax ?? CAPTURE_BYTES_MAX, CAPTURE_BYTES_MAX);
    this.#endAtMs = nowMs + Math.min(request.secondsMax ?? CAPTURE_SEC_MAX, CAPTURE_SEC_MAX) * 1000;
    this.#unreadAtMs = nowMs + CAPTURE_UNREAD_SEC_MAX * 1000;
    this.#buffer.addSection('Weft');
  }

  /** Everything recorded has been read. */
  get isRead(): boolean {
    return this.#buffer.length === 0;
  }

  get isRunning(): boolean {
    return this.#ended === undefined;
  }

  status(): CaptureStatus {
    return {
      id: this.id,
      filter: this.#request.filter,
      ...(this.#ended !== undefined && { ended: this.#ended }),
      packets: this.#packets,
      bytes: this.#bytesRead + this.#buffer.length,
      lost: this.#lost,
    };
  }

  /** Appends a frame that the filter matches. `describe` is asked when the port is seen for the first time. */
  record(
    port: number,
    packet: Omit<PcapngPacket, 'interfaceId' | 'capturedLen'>,
    describe: (port: number) => CaptureInterface,
  ): void {
    if (this.#ended !== undefined) return;
    const known = this.#interfaces.get(port) ?? this.#addInterface(port, describe(port));
    if (known === undefined) {
      this.#lost += 1;
      return;
    }
    known.received += 1;
    const capturedLen = Math.min(packet.originalLen, this.#snapLen);
    if (!this.#buffer.addPacket({ ...packet, interfaceId: known.id, capturedLen })) {
      known.lost += 1;
      this.#lost += 1;
      return;
    }
    this.#packets += 1;
    if (this.#packets >= this.#packetsMax) this.end('packets', packet.wallMs);
    else if (this.#bytesRead + this.#buffer.length >= this.#bytesMax) {
      this.end('bytes', packet.wallMs);
    }
  }

  /** Ends the capture; what is recorded stays readable. */
  end(why: CaptureEnd, wallMs: number): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    // Where the buffer has no room left the statistics are missing from the file; the status has them still.
    for (const { id, received, lost } of this.#interfaces.values()) {
      this.#buffer.addStatistics(id, wallMs, received, lost);
    }
  }

  /** The oldest of what has been recorded and not read yet. */
  take(nowMs: number, bytesMax: number): Uint8Array {
    this.#unreadAtMs = nowMs + CAPTURE_UNREAD_SEC_MAX * 1000;
    const taken = this.#buffer.take(bytesMax);
    this.#bytesRead += taken.length;
    return taken;
  }

  /** Ends what has run its time. True: nobody has asked for it for so long that it may be forgotten. */
  age(nowMs: number, wallMs: number): boolean {
    const isAbandoned = nowMs >= this.#unreadAtMs;
    if (isAbandoned) this.end('unread', wallMs);
    else if (nowMs >= this.#endAtMs) this.end('seconds', wallMs);
    return isAbandoned;
  }

  #addInterface(port: number, { name, description }: CaptureInterface): Interface | undefined {
    if (!this.#buffer.addInterface(name, description, this.#snapLen)) return undefined;
    const made = { id: this.#interfaces.size, received: 0, lost: 0 };
    this.#interfaces.set(port, made);
    return made;
  }
}
