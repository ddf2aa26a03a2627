/**
 * What the relays between VMs and sockets of this host have in common: both addresses of a packet translated without state, as from the virtual
 * router, and so many packets of a port in a second. Called by service-relay and probe-relay.
 */
import type { IpWords } from '../../base/ip-words.ts';
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { Op } from '../engine/header-action.ts';
import { REWRITE_WORDS, RewriteWord, rewrite } from '../engine/header-rewrite.ts';
import type { Frame } from '../engine/transposition.ts';
import { PORTS_MAX } from '../limits.ts';

const REWRITTEN = Op.SRC_IP | Op.DST_IP;
/** Place of an IPv4 address among the words of an address. */
const IPV4_WORD = 3;

export class AddressTranslation {
  readonly #words = new Uint32Array(REWRITE_WORDS);

  translate(frame: Frame, key: FlowKey, src: IpWords, dst: IpWords, dstMac: Mac): void {
    this.#words.set(src, RewriteWord.SRC_IP);
    this.#words.set(dst, RewriteWord.DST_IP);
    this.#rewrite(frame, key, dstMac);
  }

  /** With the IPv4 addresses alone; whoever does this never does the other. */
  translateIpv4(frame: Frame, key: FlowKey, src: number, dst: number, dstMac: Mac): void {
    this.#words[RewriteWord.SRC_IP + IPV4_WORD] = src;
    this.#words[RewriteWord.DST_IP + IPV4_WORD] = dst;
    this.#rewrite(frame, key, dstMac);
  }

  #rewrite(frame: Frame, key: FlowKey, dstMac: Mac): void {
    rewrite(frame, key, REWRITTEN, this.#words, 0);
    ethernet.setSrc(frame.view, frame.at, VIRTUAL_ROUTER_MAC);
    ethernet.setDst(frame.view, frame.at, dstMac);
  }
}

export class PortBudget {
  readonly #perSecMax: number;
  /** Packets of each port within the second at hand. */
  readonly #packets = new Uint16Array(PORTS_MAX);
  #sec = 0;

  constructor(perSecMax: number) {
    this.#perSecMax = perSecMax;
  }

  /** Takes one of the port's; false: there is none left. */
  take(port: number, nowSec: number): boolean {
    if (nowSec !== this.#sec) {
      this.#sec = nowSec;
      this.#packets.fill(0);
    }
    const taken = this.#packets[port] ?? 0;
    if (taken >= this.#perSecMax) return false;
    this.#packets[port] = taken + 1;
    return true;
  }
}
