/**
 * Interfaces of a role that forwards in user space, through iproute2's `ip`: the addresses by which the kernel speaks BGP and answers for the role.
 * The kernel must not forward, since the role does: where it would, that is refused. Nothing here is on the path of a packet. Called by the
 * agents of edge and mux.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { SdnError } from '../base/errors.ts';
import { parseMac } from '../base/mac.ts';
import { INTERFACE_COMMAND_TIMEOUT } from './limits.ts';

export interface InterfaceGoal {
  readonly name: string;
  /** `address/length`. */
  readonly addresses: readonly string[];
  /** Bytes; the interface's own must be at least that. */
  readonly mtu: number;
  /** Default next hops of the kernel's own packets. */
  readonly gateways: readonly string[];
}

export interface Interfaces {
  /** Gives the interface its addresses, takes `previous` ones away, and returns its MAC address. */
  configure(goal: InterfaceGoal, previous: readonly string[]): Promise<number>;
  /** What would make another configuration necessary: which interfaces are there, and up. */
  fingerprint(names: readonly string[]): string;
}

/** `code`: of the faults, when the system refuses. */
export function systemInterfaces(code: string): Interfaces {
  const ip = (args: readonly string[]) => run(code, args);
  return {
    async configure(goal, previous) {
      const { name, addresses, mtu, gateways } = goal;
      await refuseForwarding(code);
      const found = linkOf(code, name, await ip(['-json', 'link', 'show', 'dev', name]));
      if (found.mtu < mtu) {
        throw new SdnError(code, `${name} has MTU ${found.mtu}, its network ${mtu}`, {
          remedy: `ip link set ${name} mtu ${mtu}`,
        });
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
}

const FORWARDING = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'];

async function refuseForwarding(code: string): Promise<void> {
  for (const file of FORWARDING) {
    const text = await readFile(`/proc/sys/net/${file}`, 'utf8').catch(() => '0');
    if (text.trim() === '0') continue;
    const name = `net.${file.replaceAll('/', '.')}`;
    throw new SdnError(code, `the kernel forwards packets itself (${name} is on)`, {
      remedy: `sysctl -w ${name}=0`,
    });
  }
}

/** `json`: what `ip` says of the interface. */
function linkOf(
  code: string,
  name: string,
  json: string,
): { readonly mac: number; readonly mtu: number } {
  const [link] = JSON.parse(json) as [{ address?: string; mtu?: number }];
  const mac = parseMac(link.address ?? '');
  if (mac !== undefined) return { mac, mtu: link.mtu ?? 0 };
  throw new SdnError(code, `${name} has no MAC address`, { remedy: 'use an Ethernet interface' });
}

function run(code: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ip', args, { timeout: INTERFACE_COMMAND_TIMEOUT }, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const words = stderr.trim() || cause.message;
      const options =
        cause.code === 'ENOENT' ? { cause, remedy: 'install the package iproute2' } : { cause };
      return reject(new SdnError(code, `ip ${args.join(' ')}: ${words}`, options));
    });
  });
}
