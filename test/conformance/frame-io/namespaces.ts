/** Network namespaces for FrameIo tests: own names, removed afterwards; no IPv6 chatter in them. */
import { execFileSync } from 'node:child_process';
import { threadId } from 'node:worker_threads';

let made = 0;

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export const isRoot: boolean = process.getuid?.() === 0;

export function makeNamespace(): string {
  const name = `wt-frameio-${process.pid}-${threadId}-${made++}`;
  ip('netns', 'add', name);
  execFileSync('ip', [
    ...['netns', 'exec', name, 'sh', '-c'],
    'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done; ip link set lo up',
  ]);
  return name;
}

export function removeNamespace(name: string): void {
  ip('netns', 'del', name);
}
