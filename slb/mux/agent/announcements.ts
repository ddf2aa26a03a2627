/**
 * Which virtual addresses a mux announces: those that it has an Announcement for, whose tables are in force, once it is in sync, but for those that are
 * withdrawn because they were too much for it. Pure; called by mux-agent.ts.
 */
import type { Millis } from '../../../base/units.ts';

export type AnnouncementState =
  | 'announced'
  | 'not in force'
  | 'not asked for'
  | 'waiting for the controller'
  | 'overloaded'
  | 'shutting down';

interface Withdrawn {
  readonly untilMs: number;
  readonly reason: string;
}

export class Announcements {
  /** Prefix by key of the virtual address, of those in force. */
  readonly #prefixes = new Map<string, string>();
  /** Keys of virtual addresses. */
  readonly #asked = new Set<string>();
  readonly #withdrawn = new Map<string, Withdrawn>();
  #isInSync = false;
  #isEnding = false;

  ask(key: string): void {
    this.#asked.add(key);
  }

  unask(key: string): void {
    this.#asked.delete(key);
  }

  /** Its tables are in force. */
  inForce(key: string, prefix: string): void {
    this.#prefixes.set(key, prefix);
  }

  notInForce(key: string): void {
    this.#prefixes.delete(key);
  }

  get isInSync(): boolean {
    return this.#isInSync;
  }

  inSync(): void {
    this.#isInSync = true;
  }

  end(): void {
    this.#isEnding = true;
  }

  withdraw(key: string, reason: string, untilMs: Millis): void {
    this.#withdrawn.set(key, { reason, untilMs });
  }

  /** Those that are withdrawn for overload. */
  withdrawn(): readonly { readonly key: string; readonly reason: string }[] {
    return [...this.#withdrawn].map(([key, { reason }]) => ({ key, reason }));
  }

  /** Those whose time is over are announced again; true if there are any. */
  tick(nowMs: number): boolean {
    let isChanged = false;
    for (const [key, { untilMs }] of this.#withdrawn) {
      if (untilMs > nowMs) continue;
      this.#withdrawn.delete(key);
      isChanged = true;
    }
    return isChanged;
  }

  state(key: string): AnnouncementState {
    if (this.#isEnding) return 'shutting down';
    if (!this.#prefixes.has(key)) return 'not in force';
    if (!this.#asked.has(key)) return 'not asked for';
    if (!this.#isInSync) return 'waiting for the controller';
    return this.#withdrawn.has(key) ? 'overloaded' : 'announced';
  }

  /** `except`: keys of those that are about to go. */
  prefixes(except: ReadonlySet<string> = new Set()): ReadonlySet<string> {
    const prefixes = new Set<string>();
    for (const [key, prefix] of this.#prefixes) {
      if (this.state(key) === 'announced' && !except.has(key)) prefixes.add(prefix);
    }
    return prefixes;
  }
}
