/**
 * edge INSIDE_MAC OUTSIDE_MAC: the edge router's forwarding, without its process around it, between uplink0 and outside0 of the namespace it is started
 * in. Prints a ready line and runs until it is ended. Run by main.ts.
 */
import { defined } from '../../base/assert.ts';
import { parseMac } from '../../base/mac.ts';
import { startRouter } from '../../bgp/edge/router/start-router.ts';
import {
  addressOf,
  EDGE_INSIDE,
  EDGE_OUTSIDE,
  natPool,
  SERVER,
  SETTINGS,
  words,
} from './provider-edge.ts';

async function main(): Promise<void> {
  const [inside = '', outside = ''] = process.argv.slice(2);
  const router = await startRouter({
    hasOffload: true,
    onFailed: (reason) => {
      throw reason;
    },
  });
  const link = (name: string, kind: 'provider' | 'outside', mac: string, address: string) => ({
    name,
    kind,
    mac: defined(parseMac(mac), 'a MAC address'),
    mtu: 1500,
    addresses: addressOf(address),
  });
  await router.configure({
    settings: SETTINGS,
    links: [
      link('uplink0', 'provider', inside, EDGE_INSIDE),
      link('outside0', 'outside', outside, EDGE_OUTSIDE),
    ],
    gateways: [{ linkName: 'outside0', gateway: words(SERVER) }],
  });
  await router.apply([natPool(1)], []);
  process.stdout.write('{"event":"ready"}\n');
}

await main();
