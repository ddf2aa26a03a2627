/** docs/tutorial-diagnosis.md is true: in each of the five broken networks the page's commands name the culprit, and its fix works. */
import { test } from 'tap';
import { followPage, type MustSay, PAGE_TIMEOUT_MS } from './tutorial-page.ts';

const MUST_SAY: MustSay = [
  [/^weft trace --from bakery-till/, /bakery-kitchen\/aclRules\/nothing-else: AclDenied/],
  [/^weft rules bakery-oven/, /nothing-else +4000 +Deny .* [1-9]\d*\n/],
  [/^weft acl rule add .* --what-if/, /10\.20\.1\.0\/24/],
  [
    /^weft trace --from harbour-crane/,
    /by-the-pilot +next hop 10\.30\.9\.40[\s\S]*ApplianceUnreachable/,
  ],
  [
    /^weft trace --from library-reader/,
    /Internet 0\.0\.0\.0\/0[\s\S]*sent on by \/edgeRouters\/edge/,
  ],
  [/^weft peering list --vnet library/, /Initiated/],
  [/^weft port counters --nic theatre/, /SpoofedIpv4 +\d/],
  [
    /^weft trace --from mill-wheel/,
    /next hop 10\.60\.9\.4[\s\S]*delivered to \/networkInterfaces\/mill-sluice/,
  ],
  [/^weft flows mill-sluice/, /inbound +icmp +10\.60\.1\.4 +10\.60\.2\.4/],
];

test('five broken networks', { timeout: PAGE_TIMEOUT_MS }, (t) =>
  followPage(t, 'tutorial-diagnosis.md', MUST_SAY),
);
