/**
 * Notices when a VM's network namespace has been deleted. A TAP that was opened inside a namespace keeps that namespace alive for as long as
 * the switch holds it (Linux: the tun file's socket counts as a user), so the device itself never reports that it is gone: what
 * disappears is the namespace's name. Looked at once in a while; a name that is there again for another namespace has gone, too.
 * Called by start-switch.
 */
import { stat } from 'node:fs/promises';
import type { Clock, Timer } from '../../base/clock.ts';
import { NAMESPACE_CHECK_INTERVAL } from './limits.ts';

const NAMES = '/run/netns/';

export class NamespaceWatch {
  readonly #clock: Clock;
  readonly #onGone: (portId: string) => void;
  readonly #watched = new Map<string, { readonly path: string; readonly identity: string }>();
  #timer: Timer | undefined;

  constructor(clock: Clock, onGone: (portId: string) => void) {
    this.#clock = clock;
    this.#onGone = onGone;
  }

  /** `namespace`: a name under /run/netns or an absolute path. */
  async add(portId: string, namespace: string): Promise<void> {
    const path = namespace.startsWith('/') ? namespace : `${NAMES}${namespace}`;
    const identity = await identityOf(path);
    if (identity === undefined) return this.#onGone(portId);
    this.#watched.set(portId, { path, identity });
    this.#timer ??= this.#later();
  }

  remove(portId: string): void {
    this.#watched.delete(portId);
  }

  close(): void {
    this.#watched.clear();
    this.#timer?.cancel();
  }

  #later(): Timer {
    return this.#clock.after(NAMESPACE_CHECK_INTERVAL, () => void this.#check(), {
      background: true,
    });
  }

  async #check(): Promise<void> {
    for (const [portId, { path, identity }] of [...this.#watched]) {
      if ((await identityOf(path)) === identity || !this.#watched.delete(portId)) continue;
      this.#onGone(portId);
    }
    this.#timer = this.#watched.size > 0 ? this.#later() : undefined;
  }
}

/** Which namespace a path stands for; undefined if for none. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path);
    return `${dev}:${ino}`;
  } catch {
    // Whatever the reason: the namespace cannot be reached by this path.
    return undefined;
  }
}
