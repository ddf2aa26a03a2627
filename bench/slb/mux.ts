/**
 * mux INTERFACE MAC: the mux's forwarding, without its process around it, on the interface to the client of the namespace it is started in. Goal
 * state is what a controller would send. Prints a ready line and runs until it is ended. Run by contestants.ts.
 */
import { defined } from '../../base/assert.ts';
import { parseIpWords } from '../../base/ip-words.ts';
import { parseMac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { VXLAN_UDP_PORT } from '../../dataplane/port/native-frame-io.ts';
import { MuxGoal } from '../../slb/mux/agent/mux-goal.ts';
import { startForwarder } from '../../slb/mux/forwarder/start-forwarder.ts';
import { BALANCER } from './addresses.ts';
import { muxGoal } from './mux-goal-state.ts';

async function main(): Promise<void> {
  const [name = '', mac = ''] = process.argv.slice(2);
  const forwarder = await startForwarder({
    hasOffload: true,
    onOverload: () => undefined,
    onFailed: (reason) => {
      throw reason;
    },
  });
  await forwarder.configure({
    uplink: { name, mac: defined(parseMac(mac), 'a MAC address') },
    providerAddress: defined(parseIpWords(BALANCER), BALANCER),
    vxlanPort: VXLAN_UDP_PORT,
    providerMtu: 1500,
    mac: VIRTUAL_ROUTER_MAC,
  });
  const { change, errors } = await new MuxGoal().apply(muxGoal(), []);
  const faults = await forwarder.apply(change);
  for (const { message } of [...errors, ...faults]) throw new Error(message);
  process.stdout.write('{"event":"ready"}\n');
}

await main();
