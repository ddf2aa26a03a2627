/**
 * The edge's interfaces, through iproute2's `ip`: the addresses by which the kernel speaks BGP and answers for the router. The kernel must not forward,
 * since the router does: where it would, that is refused. Nothing here is on the path of a packet. Called by edge-agent.ts.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { SdnError } from '../../../base/errors.ts';
import { parseMac } from '../../../base/mac.ts';
import { EDGE_COMMAND_TIMEOUT } from '../limits.ts';

export interface InterfaceGoal {
  readonly name: string;
  /** `address/length`. */
  readonly addresses: readonly string[];
  /** Bytes; the interface's own must be at least that. */
  readonly mtu: number;
  /** Default next hops of the kernel's own packets. */
  readonly gateways: readonly string[];
}

export interface EdgeInterfaces {
  /** Gives the interface its addresses, takes `previous` ones away, and returns its MAC address. */
  configure(goal: InterfaceGoal, previous: readonly string[]): Promise<number>;
  /** What would make another configuration necessary: which interfaces are there, and up. */
  fingerprint(names: readonly string[]): string;
}

export const systemEdgeInterfaces: EdgeInterfaces = {
  async configure(goal, previous) {
    const { name, addresses, mtu, gateways } = goal;
    await refuseForwarding();
    const found = await linkOf(name);
    if (found.mtu < mtu) {
      throw fault(
        `${name} has MTU ${found.mtu}, its network ${mtu}`,
        `ip link set ${name} mtu ${mtu}`,
      );
    }
    await ip(['link', 'set', name, 'up']);
    for (const address of addresses) {
      const once = address.includes(':') ? ['nodad'] : [];
      await ip(['address', 'replace', address, 'dev', name, ...once]);
    }
    for (const address of previous) {
      if (!addresses.includes(address)) await ip(['address', 'del', address, 'dev', name]);
    }
    for (const gateway of gateways) {
      const family = gateway.includes(':') ? '-6' : '-4';
      await ip([family, 'route', 'replace', 'default', 'via', gateway, 'dev', name]);
    }
    return found.mac;
  },

  fingerprint(names) {
    const all = networkInterfaces();
    return names.map((name) => `${name} ${all[name]?.[0]?.mac ?? 'down'}`).join();
  },
};

async function refuseForwarding(): Promise<void> {
  for (const file of FORWARDING) {
    const text = await readFile(`/proc/sys/net/${file}`, 'utf8').catch(() => '0');
    if (text.trim() === '0') continue;
    const name = `net.${file.replaceAll('/', '.')}`;
    throw fault(`the kernel forwards packets itself (${name} is on)`, `sysctl -w ${name}=0`);
  }
}

const FORWARDING = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'];

async function linkOf(name: string): Promise<{ readonly mac: number; readonly mtu: number }> {
  const [link] = JSON.parse(await ip(['-json', 'link', 'show', 'dev', name])) as [
    { address?: string; mtu?: number },
  ];
  const mac = parseMac(link.address ?? '');
  if (mac === undefined) throw fault(`${name} has no MAC address`, 'use an Ethernet interface');
  return { mac, mtu: link.mtu ?? 0 };
}

function fault(message: string, remedy: string): SdnError {
  return new SdnError('SDN_EDGE_INTERFACE', message, { remedy });
}

function ip(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ip', args, { timeout: EDGE_COMMAND_TIMEOUT }, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const words = stderr.trim() || cause.message;
      const options =
        cause.code === 'ENOENT' ? { cause, remedy: 'install the package iproute2' } : { cause };
      return reject(new SdnError('SDN_EDGE_INTERFACE', `ip ${args.join(' ')}: ${words}`, options));
    });
  });
}
