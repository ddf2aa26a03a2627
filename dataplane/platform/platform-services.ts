/**
 * The servers of platform addresses, together: DNS (168.63.129.16) and metadata (169.254.169.254), on the service port of the host's switch.
 *
 *   VM ── switch/service-relay ── TAP weft-svc ── DnsServer, MetadataServer ── ServiceDirectory ◄── goal state
 *
 * They start once the TAP is there. Where an address or port is taken by another program of the host, that is a fault of the host that the
 * controller hears of, and is tried again; forwarding does not depend on it. Called by host-process.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { formatIpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import { formatIpv4 } from '../../base/ipv4.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { DnsForwarder, type ForwarderCounters } from './dns-forwarder.ts';
import { DnsServer } from './dns-server.ts';
import { LISTEN_RETRY_INTERVAL } from './limits.ts';
import { MetadataServer } from './metadata-server.ts';
import { SERVER_ADDRESS, SERVICE_DEVICE } from './service-addresses.ts';
import { type DirectoryChange, ServiceDirectory } from './service-directory.ts';

export interface PlatformServicesOptions {
  /** resourceId of this host's server. */
  readonly hostId: string;
  /** The switch's part. */
  openServices(name: string): Promise<void>;
  portIdAt(number: number): string | undefined;
  /** Gives the TAP its address. */
  configureServices(name: string): Promise<void>;
  /** What keeps a server from running has changed. */
  onFault(): void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface PlatformCounters {
  readonly dns: DnsServer['counters'] & ForwarderCounters;
  readonly metadata: MetadataServer['counters'];
}

const NO_DNS = { queries: 0, answered: 0, forwarded: 0, failed: 0, ignored: 0 };
const NO_METADATA = { requests: 0, refused: 0 };
const DNS_PORT = 53;
const METADATA_PORT = 80;

export class PlatformServices {
  readonly #options: PlatformServicesOptions;
  readonly #directory: ServiceDirectory;
  readonly #forwarder: DnsForwarder;
  #isOpen = false;
  #isConfigured = false;
  #dns: DnsServer | undefined;
  #metadata: MetadataServer | undefined;
  #fault: string | undefined;
  #retry: Timer | undefined;
  #forwarders = '';

  constructor(options: PlatformServicesOptions) {
    const { clock, rng } = options;
    this.#options = options;
    this.#directory = new ServiceDirectory((number) => options.portIdAt(number));
    this.#forwarder = new DnsForwarder({ forwarders: () => this.#addresses(), clock, rng });
  }

  /** Goal state, before the switch applies it. */
  note(change: DirectoryChange): void {
    this.#directory.note(change);
    const forwarders = this.#addresses().join();
    if (forwarders !== this.#forwarders) this.#forwarder.forget();
    this.#forwarders = forwarders;
  }

  /** Resolves when the servers run, or when it is known why they do not: then they are tried again. */
  async start(): Promise<void> {
    const { clock, log, onFault } = this.#options;
    try {
      await this.#open();
      await this.#listen();
      if (this.#fault !== undefined) log.info('platform services run');
      this.#setFault(undefined, onFault);
    } catch (thrown) {
      log.error({ err: thrown }, 'platform services do not run');
      this.#setFault(messageOf(thrown), onFault);
      this.#retry = clock.after(LISTEN_RETRY_INTERVAL, () => void this.start(), {
        background: true,
      });
    }
  }

  /** The service port leads to the switch. */
  get isOpen(): boolean {
    return this.#isConfigured;
  }

  /** Why DNS and metadata are not served; undefined: they are. */
  get fault(): string | undefined {
    return this.#fault;
  }

  counters(): PlatformCounters {
    return {
      dns: { ...(this.#dns?.counters ?? NO_DNS), ...this.#forwarder.counters },
      metadata: this.#metadata?.counters ?? NO_METADATA,
    };
  }

  async close(): Promise<void> {
    this.#retry?.cancel();
    await this.#dns?.close();
    await this.#metadata?.close();
  }

  async #open(): Promise<void> {
    const { openServices, configureServices } = this.#options;
    if (!this.#isOpen) await openServices(SERVICE_DEVICE);
    this.#isOpen = true;
    await configureServices(SERVICE_DEVICE);
    this.#isConfigured = true;
  }

  async #listen(): Promise<void> {
    const { hostId, log } = this.#options;
    const address = formatIpv4(SERVER_ADDRESS);
    const directory = this.#directory;
    const forwarder = this.#forwarder;
    this.#dns ??= await DnsServer.listen({ address, port: DNS_PORT, directory, forwarder, log });
    const metadata = { address, port: METADATA_PORT, directory, hostId, log };
    this.#metadata ??= await MetadataServer.listen(metadata);
  }

  #setFault(fault: string | undefined, onFault: () => void): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    onFault();
  }

  #addresses(): readonly string[] {
    return (this.#directory.host?.dnsForwarders ?? []).flatMap((bytes) => {
      const words = ipWordsFromBytes(bytes);
      return words === undefined ? [] : [formatIpWords(words)];
    });
  }
}
