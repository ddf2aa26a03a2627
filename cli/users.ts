/** What refers to a policy resource, as people call it: subnets as `vnet/subnet`, interfaces by name. Called by commands/acl, route-table and mirror. */
import { listAt, nameIn, textAt } from './fields.ts';

/** From the resource's back references; each user once, sorted. */
export function userNames(resource: unknown): readonly string[] {
  const references = ['subnets', 'ipConfigurations', 'ipConfiguration'].flatMap((property) =>
    listAt(resource, 'properties', property).map((each) => textAt(each, 'resourceRef')),
  );
  return [...new Set(references.map(userName))].filter((name) => name !== '').sort();
}

function userName(ref: string): string {
  const nic = nameIn(ref, 'networkInterfaces');
  if (nic !== '') return nic;
  const subnet = nameIn(ref, 'subnets');
  const network = nameIn(ref, 'virtualNetworks') || nameIn(ref, 'logicalNetworks');
  return subnet === '' ? '' : `${network}/${subnet}`;
}
