/**
 * A role's own settings, kept in force: the interfaces that they are of may be missing, or go and come back, and nobody tells. So these are looked at,
 * and what changes there brings the settings into force anew. Called by the agents of edge and mux.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf, SdnError } from '../base/errors.ts';
import {
  formatIpWords,
  IPV4_MAPPED_BITS,
  type IpPrefixWords,
  type IpWords,
  ipWordsFromBytes,
  isIpv4Words,
} from '../base/ip-words.ts';
import type { Logger } from '../base/log.ts';
import type { ResourceError } from '../schema/southbound/messages.ts';
import type { Interfaces } from './interfaces.ts';
import { SETTINGS_RETRY_INTERVAL } from './limits.ts';

export interface OwnSettingsOptions<S> {
  /** Of the settings in goal state. */
  readonly key: string;
  /** What they configure, for the log. */
  readonly what: string;
  /** Interfaces that the settings are of. */
  interfacesOf(settings: S): readonly string[];
  /** Brings them into force; throws an SdnError where it cannot. */
  configure(settings: S): Promise<void>;
  /** They have been tried: `faults` may be others. */
  onTried(): void;
  readonly interfaces: Pick<Interfaces, 'fingerprint'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** MS-NCNBI §2.2.4: the fault of an interface without its address. */
const FAULT_CODE = 'PAAddressConfigurationFailure';

export class OwnSettings<S> {
  readonly #options: OwnSettingsOptions<S>;
  /** In force, or to be. */
  #settings: S | undefined;
  #fingerprint = '';
  #fault: string | undefined;
  #check: Timer | undefined;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: OwnSettingsOptions<S>) {
    this.#options = options;
  }

  /** The last that were in force; before there are any, the first that came. */
  get current(): S | undefined {
    return this.#settings;
  }

  /** What keeps the last ones that came from being in force. */
  get faults(): readonly ResourceError[] {
    const message = this.#fault;
    return message === undefined ? [] : [{ key: this.#options.key, code: FAULT_CODE, message }];
  }

  /** Rejects with what is no SdnError. */
  apply(settings: S): Promise<readonly ResourceError[]> {
    return this.#inTurn(() => this.#configure(settings));
  }

  /** From here on the interfaces are looked at. `recovered`: what the controller was told as a fault is one no more. */
  watch(recovered: () => void): void {
    this.#check = this.#options.clock.after(
      SETTINGS_RETRY_INTERVAL,
      () => {
        void this.#inTurn(() => this.#look(recovered)).then(() => this.watch(recovered));
      },
      { background: true },
    );
  }

  /** Waits for what is being done. */
  async close(): Promise<void> {
    this.#check?.cancel();
    await this.#work;
  }

  /** One at a time: goal state and the look at interfaces both configure. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #configure(settings: S): Promise<readonly ResourceError[]> {
    const { configure, interfaces, interfacesOf, what, onTried, log } = this.#options;
    try {
      await configure(settings);
      this.#settings = settings;
      this.#fault = undefined;
      this.#fingerprint = interfaces.fingerprint(interfacesOf(settings));
    } catch (thrown) {
      if (!(thrown instanceof SdnError)) throw thrown;
      log.error({ err: thrown }, `${what} not configured`);
      this.#settings ??= settings;
      this.#fault = messageOf(thrown);
    } finally {
      onTried();
    }
    return this.faults;
  }

  async #look(recovered: () => void): Promise<void> {
    const settings = this.#settings;
    if (settings === undefined) return;
    const { interfaces, interfacesOf } = this.#options;
    const isSame = interfaces.fingerprint(interfacesOf(settings)) === this.#fingerprint;
    const hadFault = this.#fault !== undefined;
    if (isSame && !hadFault) return;
    await this.#configure(settings);
    if (hadFault && this.#fault === undefined) recovered();
  }
}

/** An address of settings; throws `code` with `what`, as the subject of the sentence, where it is none. */
export function settingsAddress(bytes: Uint8Array, what: string, code: string): IpWords {
  const words = ipWordsFromBytes(bytes);
  if (words !== undefined) return words;
  throw new SdnError(code, `${what} has neither 4 nor 16 bytes`);
}

/** An interface's address with the length of its network's prefix, which is of the address' own family. */
export function interfaceAddress(words: IpWords, prefixLen: number, code: string): IpPrefixWords {
  const len = prefixLen + (isIpv4Words(words) ? IPV4_MAPPED_BITS : 0);
  if (len <= 128) return { words, len };
  throw new SdnError(code, `${formatIpWords(words)} has a prefix of ${prefixLen} bits`);
}
