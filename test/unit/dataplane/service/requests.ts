/** A port, its neighbours and the requests of its guest, for the service tests. */

import { equalIpWords, type IpWords, parseIpWords } from '../../../../base/ip-words.ts';
import type { Answer } from '../../../../dataplane/service/answer.ts';
import type {
  Ipv6NeighborLookup,
  Ipv6Settings,
  NeighborLookup,
  PortSettings,
} from '../../../../dataplane/service/port-settings.ts';
import { Drop } from '../../../../packet/drop.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import { ADDRESS_A, MAC_A } from '../../packet/frames.ts';

export const GATEWAY = 0x0a00_0001;
export const NEIGHBOR = 0x0a00_0005;
export const NEIGHBOR_MAC = 0x0200_0000_000c;

export const SETTINGS: PortSettings = {
  mac: MAC_A,
  address: ADDRESS_A,
  addresses: [ADDRESS_A],
  prefixLen: 24,
  gateway: GATEWAY,
  dnsServers: [],
  mtu: 1450,
  hostName: 'vm1',
  domainName: '',
  macSpoofing: false,
};

export const neighborMac: NeighborLookup = (address) => (address === NEIGHBOR ? NEIGHBOR_MAC : 0);

/** One ring as the switch has it: the request at offset 128, the answer's scratch area behind it, 0xa5 all over. */
export interface Ring {
  readonly view: DataView;
  readonly frame: { readonly at: number; readonly end: number; readonly key: FlowKey };
  readonly answer: Answer;
  /** The answer as its own bytes. */
  answered(): Uint8Array;
}

export function ringWith(request: Uint8Array, limit = 140_000): Ring {
  const bytes = new Uint8Array(200_000).fill(0xa5);
  bytes.set(request, 128);
  const view = new DataView(bytes.buffer);
  const key = newFlowKey();
  const end = 128 + request.length;
  const drop = parseFlow(view, 128, end, key);
  if (drop !== Drop.None) throw new Error(`request is malformed: ${drop}`);
  const answer: Answer = { at: 70_000, limit, end: 0 };
  return {
    view,
    frame: { at: 128, end, key },
    answer,
    answered: () => bytes.slice(answer.at, answer.end),
  };
}

export function words(text: string): IpWords {
  const parsed = parseIpWords(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
}

export const IPV6_SETTINGS: Ipv6Settings = {
  mac: MAC_A,
  mtu: 1450,
  hostName: 'vm1',
  domainName: 'blue.weft.internal',
  macSpoofing: false,
  addresses: [
    {
      address: words('fd00::4'),
      prefix: { words: words('fd00::'), len: 64 },
      gateway: words('fd00::1'),
    },
  ],
  dnsServers: [words('fd00::53')],
};

export const neighborMacV6: Ipv6NeighborLookup = (address) =>
  equalIpWords(address, words('fd00::5')) ? NEIGHBOR_MAC : 0;
