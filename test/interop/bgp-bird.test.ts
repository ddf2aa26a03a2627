/** BIRD 2 as the other BGP speaker; also one that falls silent. */
import { join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { testDaemon } from './bgp-daemon.ts';
import { OURS, THEIRS } from './bgp-lab.ts';

const CONFIG = `
router id ${THEIRS.ipv4};
protocol device {}
filter tagged { bgp_community.add((65002, 77)); accept; }
protocol static s4 { ipv4; route 198.51.100.0/24 blackhole; }
protocol static s6 { ipv6; route 2001:db8:2::/48 blackhole; }
protocol bgp four {
  local ${THEIRS.ipv4} as ${THEIRS.asn};
  neighbor ${OURS.ipv4} as ${OURS.asn};
  connect retry time 2;
  ipv4 { import all; export filter tagged; };
}
protocol bgp six {
  local ${THEIRS.ipv6} as ${THEIRS.asn};
  neighbor ${OURS.ipv6} as ${OURS.asn};
  connect retry time 2;
  ipv6 { import all; export filter tagged; };
}
`;

testDaemon({
  name: 'BIRD 2',
  package: 'bird2',
  programs: ['/usr/sbin/bird', '/usr/sbin/birdc'],
  async start(lab) {
    const config = await lab.write('bird.conf', CONFIG);
    const socket = join(lab.directory, 'bird.ctl');
    return [await lab.start(['/usr/sbin/bird', '-f', '-c', config, '-s', socket])];
  },
  routes: (lab) =>
    lab
      .ask(['/usr/sbin/birdc', '-s', join(lab.directory, 'bird.ctl'), 'show', 'route', 'all'])
      .then((text) => text.replaceAll(',', ':')),
  refresh: (lab) =>
    lab.ask([
      '/usr/sbin/birdc',
      ...['-s', join(lab.directory, 'bird.ctl'), 'reload', 'in', 'four'],
    ]),
  async more(t, lab, programs) {
    for (const { pid } of programs) process.kill(pid, 'SIGSTOP');
    const failure = await eventually(
      'silence ends the session',
      async () => (await lab.neighbour(THEIRS.ipv4)).failure,
    );
    t.match(failure.message, /Hold Timer Expired/);
  },
});
