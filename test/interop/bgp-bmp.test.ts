/** BMP (RFC 7854) read by tshark: what a station is told of a session with FRR, from the first message to the last, off the wire. */
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import { attempt, run } from '../../fabric/command.ts';
import { eventually } from '../kit/eventually.ts';
import { startProgram } from '../kit/program.ts';
import { missing, startBgpLab, THEIRS } from './bgp-lab.ts';
import { FRR_PROGRAMS, startFrr, vtysh } from './frr.ts';

const TSHARK = '/usr/bin/tshark';
const PORT = 11_019;
const STATION = `require('node:net').createServer((socket) => socket.resume()).listen(${PORT}, () => console.log('ready'))`;
const FRR_CONFIG = `
router bgp 65002
 bgp router-id 192.0.2.2
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 address-family ipv4 unicast
  network 198.51.100.0/24
  network 198.51.101.0/24
 exit-address-family
 no bgp network import-check
`;
const TYPES = ['monitoring', 'statistics', 'down', 'up', 'initiation', 'termination'];

test('what a BMP station is told of a session with FRR is read by tshark', async (t) => {
  const absent = await missing([TSHARK, ...FRR_PROGRAMS]);
  if (absent !== undefined) {
    const remedy = `${absent} is not installed: apt-get install tshark frr`;
    t.pass('tshark and FRR exist', { skip: remedy });
    return;
  }
  const lab = await startBgpLab();
  t.teardown(() => lab.stop());
  await lab.start([process.execPath, '-e', STATION], 'ready');
  const file = `${lab.directory}/bmp.pcap`;
  const capture = ['tcpdump', '-i', 'eth0', '-U', '-w', file, 'tcp', 'port', `${PORT}`] as const;
  const tcpdump = await startProgram(lab.ourNamespace, capture, /listening on/);
  t.teardown(() => tcpdump.stop('SIGKILL'));
  await lab.killSpeaker();
  const stations = [{ address: THEIRS.ipv4, port: PORT }];
  await lab.startSpeaker({ monitor: { systemName: 'edge-1', stations, statisticsSec: 1 } });
  await lab.call('setNeighbour', {
    address: THEIRS.ipv4,
    asn: THEIRS.asn,
    holdTimeSec: 3,
    importPolicy: 'accept-all',
    exportPolicy: 'accept-all',
  });
  await startFrr(lab, FRR_CONFIG);
  await eventually(
    'FRR’s routes are here',
    async () => (await lab.routes()).length === 2,
    seconds(40),
  );
  await vtysh(lab, 'configure', 'router bgp 65002', 'no network 198.51.101.0/24');
  await eventually('one of them is gone', async () => (await lab.routes()).length === 1);
  const decode = async (...fields: readonly string[]): Promise<string[]> => {
    const asked = fields.flatMap((field) => ['-e', field]);
    const read = ['-r', file, '-d', `tcp.port==${PORT},bmp`, '-Y', 'bmp', '-T', 'fields'];
    // What is still being written at the end is no reason to fail: the claims below are.
    return (await attempt([TSHARK, ...read, ...asked])).stdout.trim().split('\n');
  };
  await eventually('statistics have come', async () =>
    (await decode('bmp.type')).join().includes('1'),
  );
  await lab.call('stop', 'maintenance');
  const types = await eventually('the end is on the wire', async () => {
    const found = (await decode('bmp.type')).flatMap((line) => line.split(','));
    return found.at(-1) === '5' && found;
  });
  const names = types.map((type) => TYPES[Number(type)]);
  t.equal(names[0], 'initiation');
  t.equal(names[1], 'up');
  t.same(names.slice(-2), ['down', 'termination']);
  t.ok(names.includes('statistics'), 'statistics');

  const whole = await run([TSHARK, '-r', file, '-d', `tcp.port==${PORT},bmp`, '-V', '-Y', 'bmp']);
  t.match(whole, /System Name|sysName/);
  t.match(whole, /edge-1/);
  t.match(whole, new RegExp(`Address: ${THEIRS.ipv4}`));
  t.match(whole, /ASN: 65002/);
  t.match(whole, /198\.51\.100\.0\/24/);
  t.match(whole, /Withdrawn Routes\n\s+198\.51\.101\.0\/24/);
  t.match(whole, /Local System, Notification|NOTIFICATION/i);
  t.notMatch(whole, /Malformed|Expert Info \((Error|Warning)/i);
});
