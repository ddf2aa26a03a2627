/** Gives a namespace VM the IPv6 address that its interface was assigned, as DHCPv6 would, and the way out by its gateway. Used by integration tests. */
import type { Machine } from './machine.ts';
import type { RunningTopology } from './topology.ts';

/** What a router advertisement says its sender is: the virtual router. */
const ROUTER = 'fe80::1234:5678:9abc';

/** Returns the address. */
export async function takeIpv6({ client }: RunningTopology, vm: Machine): Promise<string> {
  const path = `/networkInterfaces/${vm.name}/ipConfigurations/ipv6`;
  const { properties } = await client.get<{ readonly privateIPAddress: string }>(path);
  const address = properties.privateIPAddress;
  const { device } = vm.record;
  await vm.run(['ip', 'address', 'replace', `${address}/64`, 'dev', device, 'nodad']);
  await vm.run(['ip', '-6', 'route', 'replace', 'default', 'via', ROUTER, 'dev', device]);
  return address;
}
