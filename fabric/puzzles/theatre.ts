/** A guest that uses an address which is not its own: what it sends is dropped at its own port. */
import { networkInterface, type Puzzle, virtualNetwork } from './puzzle.ts';

export const theatre: Puzzle = {
  name: 'theatre',
  complaint: 'The understudy cannot ping the actor; somebody has set its address by hand.',
  documents: [
    virtualNetwork('theatre', '10.50.0.0/16', { stage: { addressPrefix: '10.50.1.0/24' } }),
    networkInterface('theatre-actor', '/virtualNetworks/theatre/subnets/stage', '10.50.1.4'),
    networkInterface('theatre-understudy', '/virtualNetworks/theatre/subnets/stage', '10.50.1.5'),
  ],
  machines: [
    { name: 'theatre-actor', host: 0 },
    {
      name: 'theatre-understudy',
      host: 1,
      prepare: [
        ['ip', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global'],
        ['ip', 'addr', 'add', '10.50.1.15/24', 'dev', 'eth0'],
        // As if the guest had known its neighbour before: its ARP requests would be refused too.
        ['ip', 'neigh', 'replace', '10.50.1.4', 'lladdr', '12:34:56:78:9a:bc', 'dev', 'eth0'],
      ],
    },
  ],
  symptom: { from: 'theatre-understudy', to: '10.50.1.4' },
};
