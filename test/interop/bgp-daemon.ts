/**
 * What every other BGP speaker is held to, one after the other: sessions over IPv4 and IPv6, routes and communities both ways, withdrawal,
 * refresh, and a daemon that is killed. A daemon is what starts it and how it is asked.
 */
import { type Test, test } from 'tap';
import { seconds } from '../../base/units.ts';
import type { NeighbourOptions } from '../../bgp/speaker/options.ts';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import { type BgpLab, missing, OURS, startBgpLab, THEIRS } from './bgp-lab.ts';

/** What the daemon is configured to announce, with community 65002:77. */
export const THEIR_ROUTES = ['198.51.100.0/24', '2001:db8:2::/48'] as const;
const OUR_ROUTES = ['203.0.113.0/24', '2001:db8:1::/48'] as const;
const THEIR_COMMUNITY = THEIRS.asn * 0x1_0000 + 77;
const OUR_COMMUNITY = OURS.asn * 0x1_0000 + 5;
const PATIENCE = seconds(40);

export interface Daemon {
  readonly name: string;
  readonly package: string;
  /** Absolute paths. */
  readonly programs: readonly string[];
  /** Starts it with sessions to both of our addresses; resolves with what dies when it is killed. */
  start(lab: BgpLab): Promise<readonly Program[]>;
  /** Its routes of both families as text, with communities as `65001:5` where it shows them; undefined: it cannot be asked. */
  routes(lab: BgpLab): Promise<string>;
  /** What our side does beyond the usual, toward this daemon. */
  readonly neighbour?: Partial<NeighbourOptions>;
  /** Default true; false with the reason beside it. */
  readonly answersRefresh?: boolean;
  /** Has it forward a request for our routes, which is RFC 2918 from its side. */
  refresh?(lab: BgpLab): Promise<unknown>;
  /** More claims, while both sessions stand. */
  more?(t: Pick<Test, 'equal' | 'match'>, lab: BgpLab, programs: readonly Program[]): Promise<void>;
}

const POLICIES = { importPolicy: 'accept-all', exportPolicy: 'accept-all' } as const;

const FOUR: NeighbourOptions = {
  address: THEIRS.ipv4,
  asn: THEIRS.asn,
  holdTimeSec: 3,
  ...POLICIES,
};
export const NEIGHBOURS: readonly [NeighbourOptions, NeighbourOptions] = [
  FOUR,
  {
    address: THEIRS.ipv6,
    asn: THEIRS.asn,
    holdTimeSec: 3,
    families: ['ipv6-unicast'],
    ...POLICIES,
  },
];

export function testDaemon(daemon: Daemon): void {
  test(`BGP with ${daemon.name}`, async (t) => {
    const absent = await missing(daemon.programs);
    if (absent !== undefined) {
      const remedy = `apt-get install --no-install-recommends ${daemon.package}`;
      t.pass(`${absent} exists`, { skip: `${daemon.package} is not installed: ${remedy}` });
      return;
    }
    const lab = await startBgpLab();
    t.teardown(() => lab.stop());
    for (const prefix of OUR_ROUTES) {
      await lab.call('announce', { prefix, communities: [OUR_COMMUNITY] });
    }
    for (const neighbour of NEIGHBOURS) {
      await lab.call('setNeighbour', { ...neighbour, ...daemon.neighbour });
    }
    const programs = await daemon.start(lab);

    for (const address of [THEIRS.ipv4, THEIRS.ipv6]) {
      await eventually(
        `the session with ${address} is up`,
        async () => {
          const { state, failure } = await lab.neighbour(address);
          if (state !== 'Established') throw new Error(`${state}: ${failure?.message}`);
          return true;
        },
        PATIENCE,
      );
    }
    t.pass('sessions over IPv4 and IPv6 are up');

    const learned = await eventually('their routes are here', async () => {
      const routes = await lab.routes();
      const theirs = routes.filter(({ neighbour }) => neighbour !== undefined);
      return theirs.length >= THEIR_ROUTES.length && theirs;
    });
    for (const [index, prefix] of THEIR_ROUTES.entries()) {
      const route = learned.find((each) => each.prefix === prefix);
      t.same(route?.nextHops, [index === 0 ? THEIRS.ipv4 : THEIRS.ipv6], `next hop of ${prefix}`);
      t.ok(route?.attributes.communities?.includes(THEIR_COMMUNITY), `community of ${prefix}`);
    }

    await eventually('our routes are there', async () => {
      const text = await daemon.routes(lab);
      return OUR_ROUTES.every((prefix) => text.includes(prefix)) && text.includes('65001');
    });
    t.match(await daemon.routes(lab), /65001[:,] ?5\b/, 'our community is there');

    await lab.call('withdraw', OUR_ROUTES[0]);
    await eventually('what we withdraw goes there', async () => {
      const text = await daemon.routes(lab);
      return !text.includes(OUR_ROUTES[0]) && text.includes(OUR_ROUTES[1]);
    });
    await lab.call('announce', { prefix: OUR_ROUTES[0] });
    await eventually('and comes back', async () =>
      (await daemon.routes(lab)).includes(OUR_ROUTES[0]),
    );

    if (daemon.answersRefresh !== false) {
      const before = (await lab.neighbour(THEIRS.ipv4)).statistics.ipv4Route.updateReceivedCount;
      t.equal(await lab.call('refreshNeighbour', THEIRS.ipv4), true, 'it can be asked again');
      await eventually('a refresh brings their routes again', async () => {
        const { statistics } = await lab.neighbour(THEIRS.ipv4);
        return statistics.ipv4Route.updateReceivedCount > before;
      });
    }

    if (daemon.refresh !== undefined) {
      const { sentCount } = (await lab.neighbour(THEIRS.ipv4)).statistics.updateMessageStats;
      await daemon.refresh(lab);
      await eventually('it hears ours again when it asks', async () => {
        const { statistics } = await lab.neighbour(THEIRS.ipv4);
        return statistics.updateMessageStats.sentCount > sentCount;
      });
    }
    await daemon.more?.(t, lab, programs);

    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    await eventually('a killed daemon’s routes are gone', async () => {
      const routes = await lab.routes();
      return routes.every(({ neighbour }) => neighbour === undefined);
    });
    t.ok((await lab.neighbour(THEIRS.ipv4)).failure, 'and the reason is known');
  });
}
