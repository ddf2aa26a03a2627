/** The resource that a question (diagnostic-route.ts) is about: `{id}` in its path is the resourceId or the instanceId. */
import { type Explained, findInterface, hostOf } from '../diagnostics/hosts.ts';
import type { Resource } from '../model/desired-state.ts';
import { fault } from './fault.ts';

/** What people call one resource of a collection. */
const NAMES = {
  accessControlLists: 'access control list',
  edgeRouters: 'edge router',
  loadBalancerMuxes: 'load balancer mux',
} as const;

export function resourceNamed(
  { desired }: Explained,
  collection: keyof typeof NAMES,
  id: string,
): Resource {
  const byId = desired.byInstanceId(id);
  const found =
    byId?.type === collection.toLowerCase() ? byId : desired.byRef(`/${collection}/${id}`);
  if (found !== undefined) return found;
  throw fault('NotFound', `there is no ${NAMES[collection]} '${id}'`, id);
}

export function networkInterface(context: Explained, id: string): Resource {
  const nic = findInterface(context, id);
  if (nic !== undefined) return nic;
  throw fault('NotFound', `there is no network interface '${id}'`, id);
}

/** With the host that it is attached to. */
export function attachedInterface(
  context: Explained,
  id: string,
): { readonly nic: Resource; readonly host: string } {
  const nic = networkInterface(context, id);
  const host = hostOf(context, nic);
  if (host !== undefined) return { nic, host };
  const message = `${nic.ref} is attached to no host, so no switch knows it`;
  throw fault('ReferencedResourceNotProvisioned', message, nic.ref);
}
