/** A security rule of the subnet says no: the list allows what somebody thought of, and denies the rest. */
import { networkInterface, type Puzzle, virtualNetwork } from './puzzle.ts';

const RULES = [
  {
    resourceId: 'orders',
    properties: {
      type: 'Inbound',
      priority: '200',
      action: 'Allow',
      protocol: 'TCP',
      sourceAddressPrefix: '10.20.1.0/24',
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: '443',
      logging: 'Disabled',
    },
  },
  {
    resourceId: 'nothing-else',
    properties: {
      type: 'Inbound',
      priority: '4000',
      action: 'Deny',
      protocol: 'All',
      sourceAddressPrefix: '*',
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: '*',
      logging: 'Enabled',
    },
  },
];

export const bakery: Puzzle = {
  name: 'bakery',
  complaint: 'The till cannot ping the oven, although both are in one virtual network.',
  documents: [
    { path: '/accessControlLists/bakery-kitchen', properties: { aclRules: RULES } },
    virtualNetwork('bakery', '10.20.0.0/16', {
      shop: { addressPrefix: '10.20.1.0/24' },
      kitchen: {
        addressPrefix: '10.20.2.0/24',
        accessControlList: { resourceRef: '/accessControlLists/bakery-kitchen' },
      },
    }),
    networkInterface('bakery-till', '/virtualNetworks/bakery/subnets/shop', '10.20.1.4'),
    networkInterface('bakery-oven', '/virtualNetworks/bakery/subnets/kitchen', '10.20.2.4'),
  ],
  machines: [
    { name: 'bakery-till', host: 0 },
    { name: 'bakery-oven', host: 1 },
  ],
  symptom: { from: 'bakery-till', to: '10.20.2.4' },
};
