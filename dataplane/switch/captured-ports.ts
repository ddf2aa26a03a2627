/** What packet captures must know of the switch's ports, read from its tables. Called by switch-core. */
import type { CapturedPorts } from '../capture/captures.ts';
import { UPLINK_PORT } from './port-registry.ts';
import type { SwitchTables } from './tables.ts';

export function capturedPorts(tables: SwitchTables): CapturedPorts {
  const { ports, peers } = tables;
  return {
    uplink: UPLINK_PORT,
    idOf: (port) => ports.at(port)?.id,
    describe(port) {
      if (port === UPLINK_PORT) return { name: 'uplink', description: 'VXLAN tunnels' };
      const record = ports.at(port);
      const id = record?.id ?? String(port);
      const name = record?.configured?.policy.resourceRef.split('/').at(-1) ?? id;
      return { name, description: id };
    },
    isDestination(portId, key, from, vni) {
      const receiver = ports.get(portId)?.configured;
      if (receiver === undefined) return false;
      const sender = ports.at(from)?.configured;
      if (from !== UPLINK_PORT && sender?.network !== receiver.network) return false;
      return receiver.policy.addresses.some(
        ({ address, segment }) =>
          address[3] === key.dst3 &&
          address[2] === key.dst2 &&
          address[1] === key.dst1 &&
          address[0] === key.dst0 &&
          (from !== UPLINK_PORT || segment === vni),
      );
    },
    peerAddress: (peer) => peers.addressOf(peer),
  };
}
