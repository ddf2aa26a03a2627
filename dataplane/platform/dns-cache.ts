/**
 * Answers of forwarders, kept for as long as they say themselves, at most DNS_CACHE_TTL_SEC_MAX; negative ones as RFC 2308 §5 has it. Least
 * recently used goes first. An answer that is taken out has the TTLs it would have had by now. Called by dns-forwarder.
 */
import type { Clock } from '../../base/clock.ts';
import * as message from './dns-message.ts';
import { DNS_CACHE_ENTRIES_MAX, DNS_CACHE_TTL_SEC_MAX, DNS_CACHED_BYTES_MAX } from './limits.ts';

interface Entry {
  readonly bytes: Uint8Array;
  readonly places: readonly message.RecordPlace[];
  readonly sinceMs: number;
  readonly untilMs: number;
}

const NAME_ERROR = 3;

export class DnsCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  clear(): void {
    this.#entries.clear();
  }

  get(key: string): Uint8Array | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const nowMs = this.#clock.now();
    if (nowMs >= entry.untilMs) return undefined;
    // Back in at the young end.
    this.#entries.set(key, entry);
    const bytes = entry.bytes.slice();
    message.age(bytes, entry.places, Math.floor((nowMs - entry.sinceMs) / 1000));
    return bytes;
  }

  /** Keeps an answer that may be kept. */
  set(key: string, bytes: Uint8Array): void {
    const code = message.responseCode(bytes);
    const isKept =
      (code === 0 || code === NAME_ERROR) &&
      !message.isTruncated(bytes) &&
      bytes.length <= DNS_CACHED_BYTES_MAX;
    const places = isKept ? message.records(bytes) : undefined;
    if (places === undefined) return;
    const sec = Math.min(message.lifetimeSec(bytes, places), DNS_CACHE_TTL_SEC_MAX);
    if (sec <= 0) return;
    const sinceMs = this.#clock.now();
    if (this.#entries.size >= DNS_CACHE_ENTRIES_MAX) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, { bytes, places, sinceMs, untilMs: sinceMs + sec * 1000 });
  }
}
