/**
 * The provider network of a one-machine fabric: a Linux bridge in a namespace of its own, to which every host's uplink is joined by
 * a veth pair. Pairs are made between the two namespaces directly, so the root namespace never sees an interface.
 *
 *   weft-F-net: br0 ── host1 ═══ uplink0 :weft-F-host1
 *                  └── host2 ═══ uplink0 :weft-F-host2
 *
 * Called by deploy.ts and the test kit.
 */
import { assert } from '../base/assert.ts';
import { run } from './command.ts';
import { INTERFACE_NAME_BYTES_MAX } from './limits.ts';
import { inNamespace } from './namespaces.ts';

export const UPLINK = 'uplink0';
const BRIDGE = 'br0';

export async function createProviderNetwork(namespace: string, mtu: number): Promise<void> {
  await ipBatch(namespace, [
    `link add ${BRIDGE} type bridge`,
    `link set ${BRIDGE} mtu ${mtu}`,
    `link set ${BRIDGE} up`,
  ]);
  await leaveFrames(namespace);
}

/**
 * Where the kernel has br_netfilter, every namespace begins with bridges that hand their frames to IP's hooks: some percent of what a packet costs,
 * for hooks that nobody has set. Where it cannot be changed it stays: nothing depends on it.
 */
async function leaveFrames(namespace: string): Promise<void> {
  const files = '/proc/sys/net/bridge/bridge-nf-call-*';
  const each = `for f in ${files}; do [ ! -w "$f" ] || echo 0 > "$f" || :; done`;
  await run(inNamespace(namespace, ['sh', '-c', each]));
}

/** Joins `member` by an interface named `uplink0` to the provider network in `network`. */
export async function joinProviderNetwork(options: {
  readonly network: string;
  readonly member: string;
  /** Of the bridge's end, so that people see who hangs there. */
  readonly portName: string;
  readonly mtu: number;
}): Promise<void> {
  const { network, member, portName, mtu } = options;
  assert(portName.length <= INTERFACE_NAME_BYTES_MAX, `interface name '${portName}' is too long`);
  await ipBatch(network, [
    `link add ${portName} mtu ${mtu} type veth peer name ${UPLINK} mtu ${mtu} netns ${member}`,
    `link set ${portName} master ${BRIDGE}`,
    `link set ${portName} up`,
  ]);
  await ipBatch(member, [`link set ${UPLINK} up`]);
}

/** Runs `ip` commands in a namespace, in order, in one process; the first that fails ends it. */
export async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await run(['ip', '-n', namespace, '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
}
