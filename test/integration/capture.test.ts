/**
 * Packet capture through the controller: started by an interface's name, streamed as a pcapng file that tcpdump reads, ended from outside; and what
 * a host with several pieces to tell has lost nothing of.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { topology } from '../kit/topology.ts';

const CAPTURES = '/networking/weft/v1/captures';
const MEBIBYTE = 1024 * 1024;

test('capture', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-capture-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const network = await topology({
    hosts: 2,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.11' },
    },
  }).start();
  t.teardown(() => network.stop());
  const { client } = network;
  const [a, b] = [network.vm('a'), network.vm('b')];
  await a.reaches(b);

  const started = async (body: object) =>
    (await client.ask('POST', CAPTURES, body)) as { readonly id: string; readonly host: string };
  /** The whole file, once the capture has ended. */
  const fileOf = async (id: string): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of await client.stream(`${CAPTURES}/${id}/pcapng`)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const tcpdump = async (file: Buffer): Promise<string[]> => {
    const path = join(directory, 'capture.pcapng');
    await writeFile(path, file);
    const text = execFileSync('tcpdump', ['-n', '-r', path], { encoding: 'utf8', stdio: 'pipe' });
    return text.split('\n').filter((line) => line !== '');
  };

  await t.test('pings of an interface, until it is ended', async (t) => {
    const { id, host } = await started({ nic: 'b', filter: 'icmp' });
    t.equal(host, 'host2');
    const reading = fileOf(id);
    await a.ping(b.address, { count: 3 });
    await client.ask('DELETE', `${CAPTURES}/${id}`);
    const lines = await tcpdump(await reading);
    t.equal(lines.length, 6);
    t.match(lines[0], /10\.1\.1\.10 > 10\.1\.1\.11: ICMP echo request/);
    const status = (await client.ask('GET', `${CAPTURES}/${id}`)) as Record<string, unknown>;
    t.match(status, { ended: 'stopped', packets: 6, lost: 0, resourceRef: '/networkInterfaces/b' });
  });

  await t.test('a stream of many pieces is whole, and ends by its own bound', async (t) => {
    const bound = 2 * MEBIBYTE;
    const { id } = await started({ host: 'host1', filter: 'tcp', bytesMax: bound });
    const reading = fileOf(id);
    await a.download(b, 8 * MEBIBYTE);
    const file = await reading;
    t.ok(file.length >= bound);
    const status = (await client.ask('GET', `${CAPTURES}/${id}`)) as Record<string, unknown>;
    t.match(status, { ended: 'bytes', bytes: file.length });
    t.equal((await tcpdump(file)).length, status['packets']);
  });

  await t.test('what is dropped is there, and only that if so asked', async (t) => {
    const { id } = await started({ nic: 'a', filter: 'dropped', packetsMax: 1 });
    const reading = fileOf(id);
    await a.ping('10.1.1.77');
    await a.ping('10.9.9.9');
    t.ok((await tcpdump(await reading)).length === 1);
  });
});
