/** Provider addresses of hosts, which the servers' own documents tell. Called by trace and controller/northbound. */
import type { DesiredState, Resource } from '../model/desired-state.ts';

/** Of a server; undefined before one has been allocated. */
export function providerAddress(desired: DesiredState, serverId: string): string | undefined {
  const server = desired.byRef(`/servers/${serverId}`);
  return server === undefined ? undefined : addressOf(server);
}

/** resourceId of the server with this provider address. */
export function serverAt(desired: DesiredState, address: string): string | undefined {
  for (const server of desired.list('servers').values()) {
    if (addressOf(server) === address) return server.resourceId;
  }
  return undefined;
}

function addressOf({ body }: Resource): string | undefined {
  const internal = body['internal'];
  if (typeof internal !== 'object' || internal === null) return undefined;
  const own = 'providerAddress' in internal ? internal['providerAddress'] : undefined;
  return typeof own === 'string' ? own : undefined;
}
