/** docs/tutorial-edge.md is true: see tutorial-page.ts. */
import { test } from 'tap';
import { hasPrograms } from '../interop/bgp-lab.ts';
import { FRR_PROGRAMS } from '../interop/frr.ts';
import { followPage, type MustSay, PAGE_TIMEOUT_MS } from './tutorial-page.ts';

const MUST_SAY: MustSay = [
  [/^weft bgp trace/, /from 192\.0\.2\.1: best/],
  [/^weft bgp advertised/, /203\.0\.113\.0\/24/],
  [/^weft inside outside -- vtysh/, /B>\* 203\.0\.113\.0\/24/],
];

test('a stock FRR', { timeout: PAGE_TIMEOUT_MS }, async (t) => {
  if (!(await hasPrograms(t, FRR_PROGRAMS, 'frr'))) return;
  await followPage(t, 'tutorial-edge.md', MUST_SAY);
});
