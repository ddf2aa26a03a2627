/** A user-defined route leads to an appliance that is not there: one digit too many in its address. */
import { applianceRoute, networkInterface, type Puzzle, virtualNetwork } from './puzzle.ts';

export const harbour: Puzzle = {
  name: 'harbour',
  complaint: 'The crane cannot ping the store since its traffic goes by way of the pilot.',
  documents: [
    applianceRoute('harbour-quay', 'by-the-pilot', {
      addressPrefix: '10.30.2.0/24',
      nextHopIpAddress: '10.30.9.40',
    }),
    virtualNetwork('harbour', '10.30.0.0/16', {
      quay: {
        addressPrefix: '10.30.1.0/24',
        routeTable: { resourceRef: '/routeTables/harbour-quay' },
      },
      depot: { addressPrefix: '10.30.2.0/24' },
      gate: { addressPrefix: '10.30.9.0/24' },
    }),
    networkInterface('harbour-crane', '/virtualNetworks/harbour/subnets/quay', '10.30.1.4'),
    networkInterface('harbour-store', '/virtualNetworks/harbour/subnets/depot', '10.30.2.4'),
    networkInterface('harbour-pilot', '/virtualNetworks/harbour/subnets/gate', '10.30.9.4'),
  ],
  machines: [
    { name: 'harbour-crane', host: 0 },
    { name: 'harbour-store', host: 1 },
    { name: 'harbour-pilot', host: 1, prepare: [['sysctl', '-qw', 'net.ipv4.ip_forward=1']] },
  ],
  symptom: { from: 'harbour-crane', to: '10.30.2.4' },
};
