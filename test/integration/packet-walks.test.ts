/** docs/packet-walks.md is true: the traces of the page, on the sample tenant, say where packets go and how they leave. */
import { test } from 'tap';
import { followPage, type MustSay, PAGE_TIMEOUT_MS } from './tutorial-page.ts';

const MUST_SAY: MustSay = [
  [/--to 10\.1\.1\.5$/, /within the subnet[\s\S]*delivered to \/networkInterfaces\/blue-web2/],
  [/--from blue-web3 --to 10/, /between subnets +- +source MAC 12:34:56:78:9a:bc, TTL minus one/],
  [/--port 9000 --both$/, /encapsulate VNI 4097[\s\S]*and the answer[\s\S]*encapsulate VNI 4096/],
  [/--to 10\.1\.2\.71$/, /NoMapping/],
  [
    /--from blue-web3 --to 192\.0\.2\.1 /,
    /edge[\s\S]*its own public address[\s\S]*sent on by \/edgeRouters\/edge/,
  ],
  [/--port 53$/, /answered by the switch itself/],
  [
    /--to 203\.0\.113\.2 .*--both$/,
    /loadBalancerMuxes\/mux[\s\S]*chosen by a mux[\s\S]*and the answer[\s\S]*as 203\.0\.113\.2:80, which its request was for[\s\S]*sent on by \/edgeRouters\/edge/,
  ],
  [/--to 10\.1\.1\.7 /, /chosen of 2[\s\S]*delivered to \/networkInterfaces\/blue-/],
  [
    /--from blue-web1 --to 192\.0\.2\.1 .*--both$/,
    /leaves as 203\.0\.113\.2:1024[\s\S]*and the answer[\s\S]*leased port[\s\S]*back to 10\.1\.1\.4:49152[\s\S]*delivered to \/networkInterfaces\/blue-web1/,
  ],
];

test('packet walks', { timeout: PAGE_TIMEOUT_MS }, (t) =>
  followPage(t, 'packet-walks.md', MUST_SAY),
);
