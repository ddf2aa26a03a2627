/** A peering that one side has asked for and the other has not: it is initiated, not connected. */
import { networkInterface, type Puzzle, virtualNetwork } from './puzzle.ts';

export const library: Puzzle = {
  name: 'library',
  complaint:
    'The reader cannot ping the shelf in the archive’s network, although there is a peering.',
  documents: [
    virtualNetwork('library', '10.40.0.0/16', { hall: { addressPrefix: '10.40.1.0/24' } }),
    virtualNetwork('archive', '10.41.0.0/16', { vault: { addressPrefix: '10.41.1.0/24' } }),
    {
      path: '/virtualNetworks/library/virtualNetworkPeerings/to-archive',
      properties: {
        remoteVirtualNetwork: { resourceRef: '/virtualNetworks/archive' },
        allowVirtualNetworkAccess: true,
      },
    },
    networkInterface('library-reader', '/virtualNetworks/library/subnets/hall', '10.40.1.4'),
    networkInterface('archive-shelf', '/virtualNetworks/archive/subnets/vault', '10.41.1.4'),
  ],
  machines: [
    { name: 'library-reader', host: 0 },
    { name: 'archive-shelf', host: 1 },
  ],
  symptom: { from: 'library-reader', to: '10.41.1.4' },
};
