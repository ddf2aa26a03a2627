/** The network does all it should, and the appliance keeps what it gets: a guest that does not forward. */
import { applianceRoute, networkInterface, type Puzzle, virtualNetwork } from './puzzle.ts';

export const mill: Puzzle = {
  name: 'mill',
  complaint:
    'The wheel cannot ping the stone; the route by way of the sluice has been checked twice.',
  documents: [
    applianceRoute('mill-stream', 'by-the-sluice', {
      addressPrefix: '10.60.2.0/24',
      nextHopIpAddress: '10.60.9.4',
    }),
    virtualNetwork('mill', '10.60.0.0/16', {
      stream: {
        addressPrefix: '10.60.1.0/24',
        routeTable: { resourceRef: '/routeTables/mill-stream' },
      },
      floor: { addressPrefix: '10.60.2.0/24' },
      weir: { addressPrefix: '10.60.9.0/24' },
    }),
    networkInterface('mill-wheel', '/virtualNetworks/mill/subnets/stream', '10.60.1.4'),
    networkInterface('mill-stone', '/virtualNetworks/mill/subnets/floor', '10.60.2.4'),
    networkInterface('mill-sluice', '/virtualNetworks/mill/subnets/weir', '10.60.9.4'),
  ],
  machines: [
    { name: 'mill-wheel', host: 0 },
    { name: 'mill-stone', host: 1 },
    { name: 'mill-sluice', host: 0, prepare: [['sysctl', '-qw', 'net.ipv4.ip_forward=0']] },
  ],
  symptom: { from: 'mill-wheel', to: '10.60.2.4' },
};
