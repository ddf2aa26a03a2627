/** docs/tutorial.md is true: see tutorial-page.ts. */
import { test } from 'tap';
import { followPage, type MustSay, PAGE_TIMEOUT_MS } from './tutorial-page.ts';

const MUST_SAY: MustSay = [
  [/^weft up/, /16 checks hold/],
  [/^curl/, /"virtualSubnetId":\d+/],
  [/^weft nic create shop-b/, /10\.1\.2\.80/],
  [/^weft flows shop-a/, /encapsulate VNI \d+ to 198\.51\.100\.\d+/],
  [/^weft port counters/, /SpoofedIpv4 +2\n[\s\S]*NoMapping +2/],
  [/^weft subnet create extra/, /InvalidSubnet/],
  [/^weft inside outside/, /1 packets received/],
  [/^weft revisions diff/, /^- \/networkInterfaces\/shop-b/],
  [/^weft revisions restore 31/, /revision 33 puts back what revision 31 was/],
  [/^weft down/, /the fabric is down/],
];

test('the tutorial', { timeout: PAGE_TIMEOUT_MS }, (t) => followPage(t, 'tutorial.md', MUST_SAY));
