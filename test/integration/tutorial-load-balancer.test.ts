/** docs/tutorial-load-balancer.md is true: see tutorial-page.ts. */
import { test } from 'tap';
import { followPage, type MustSay, PAGE_TIMEOUT_MS } from './tutorial-page.ts';

const MUST_SAY: MustSay = [
  [/^weft lb create shop/, /203\.0\.113\.2\n/],
  [/^weft lb status shop/, /mux1 +announced[\s\S]*mux2 +announced/],
  [/\[1-200\]/, /\d+ this is blue-data1\n +\d+ this is blue-web1/],
  [/203\.0\.113\.2.*\[1-100\]/, /^ +100 this is blue-\w+\n*$/],
  [/^weft bgp routes/, /203\.0\.113\.2\/32 +198\.51\.100\.3 198\.51\.100\.4/],
  [
    /^weft trace .* --both/,
    /loadBalancerMuxes\/mux[\s\S]*delivered to[\s\S]*and the answer[\s\S]*as 203\.0\.113\.2:80, which[\s\S]*sent on by \/edgeRouters\/edge/,
  ],
  [/^weft lb drain .* \$busy$/, /^blue-\w+ drains/],
  [/^weft status/, /mux1 .* 1\n[\s\S]*mux2 .* 1\n/],
  [/^wait; cmp/, /the same film/],
  [/cgi-bin\/who; done/, /(you are 203\.0\.113\.2:\d+\n){2}you are 203\.0\.113\.2\d\d:/],
  [/10\.1\.1\.7.*\[1-100\]/, /\d+ this is blue-data1\n +\d+ this is blue-web1/],
  [/^weft trace --from blue-web2/, /chosen of 2[\s\S]*delivered to \/networkInterfaces\/blue-/],
  [/^weft lb list/, /shelf .* Success\n[\s\S]*shop .* Success/],
];

test('one address, two servers', { timeout: PAGE_TIMEOUT_MS }, (t) =>
  followPage(t, 'tutorial-load-balancer.md', MUST_SAY),
);
