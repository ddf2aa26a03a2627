/** Addresses of what people name. Called by trace and check. */
import { parseIpWords } from '../base/ip-words.ts';
import { UsageFault } from './fault-report.ts';
import { listAt, textAt } from './fields.ts';
import type { Session } from './session.ts';

/** An address as it stands; of an interface, its first. */
export async function addressOf(session: Session, to: string): Promise<string> {
  if (parseIpWords(to) !== undefined) return to;
  const nic = await session.northbound().get(`/networkInterfaces/${to}`);
  const [first] = listAt(nic, 'properties', 'ipConfigurations');
  const address = textAt(first, 'properties', 'privateIPAddress');
  if (address !== '') return address;
  throw new UsageFault(`${to} has no address`, 'See weft nic show, or name an address.');
}
