/**
 * Egress of virtual subnets, billed and unbilled (MS-NCNBI §3.1.5.18.2): what hosts report of their ports, added up. A port counts for the
 * subnet of its interface's primary ipConfiguration. Hosts report totals of their own run; a mark for each host and port remembers how much of
 * them has been added, so that a report that comes twice, a host that starts anew and an interface that moves count once.
 *
 * Totals and marks are observations, written in one commit: a crash of the controller loses neither and counts nothing twice. What a host
 * has counted and not reported when its process dies is lost. Called by port-reports.ts and, for reading, by realisation.ts.
 */
import type { Report } from '../../schema/southbound/messages.ts';
import type { ModelView } from '../compiler/model-view.ts';
import type { SubnetEgress } from '../model/realised-state.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { REPORT_PORTS_MAX } from './limits.ts';

/** `egress/<instanceId of the subnet>` */
export const EGRESS_PREFIX = 'egress/';
/** `meter/<server>/<instanceId of the interface>` */
export const METER_PREFIX = 'meter/';

interface Mark {
  readonly run: string;
  readonly billed: number;
  readonly unbilled: number;
}

export interface EgressMetersOptions {
  readonly model: ModelView;
  /** Stores observations, all of them or none. */
  observeAll(entries: ReadonlyMap<string, JsonObject>): void;
}

export class EgressMeters {
  readonly #options: EgressMetersOptions;
  readonly #totals = new Map<string, SubnetEgress>();
  readonly #marks = new Map<string, Mark>();

  constructor(options: EgressMetersOptions) {
    this.#options = options;
  }

  /** An observation of an earlier run of the controller. */
  load(key: string, value: JsonObject): void {
    const billed = count(value['billed']);
    const unbilled = count(value['unbilled']);
    if (key.startsWith(EGRESS_PREFIX)) {
      const id = key.slice(EGRESS_PREFIX.length);
      this.#totals.set(id, { billedBytes: billed, unbilledBytes: unbilled });
    } else if (key.startsWith(METER_PREFIX)) {
      const run = value['run'];
      this.#marks.set(key, { run: typeof run === 'string' ? run : '', billed, unbilled });
    }
  }

  of(subnetInstanceId: string): SubnetEgress | undefined {
    return this.#totals.get(subnetInstanceId);
  }

  /** From here on the subnet's egress counts from zero. */
  reset(subnetInstanceId: string): void {
    this.#totals.set(subnetInstanceId, { billedBytes: 0, unbilledBytes: 0 });
    this.#options.observeAll(
      new Map([[`${EGRESS_PREFIX}${subnetInstanceId}`, { billed: 0, unbilled: 0 }]]),
    );
  }

  take(serverId: string, { run, meters }: Pick<Report, 'run' | 'meters'>): void {
    const changed = new Map<string, JsonObject>();
    for (const { portId, billedBytes, unbilledBytes } of meters.slice(0, REPORT_PORTS_MAX)) {
      const subnet = this.#subnetOf(portId);
      if (subnet === undefined) continue;
      const key = `${METER_PREFIX}${serverId}/${portId}`;
      const before = this.#marks.get(key);
      const known = before?.run === run ? before : undefined;
      const billed = Math.max(0, billedBytes - (known?.billed ?? 0));
      const unbilled = Math.max(0, unbilledBytes - (known?.unbilled ?? 0));
      if (known !== undefined && billed + unbilled === 0) continue;
      const mark = { run, billed: billedBytes, unbilled: unbilledBytes };
      this.#marks.set(key, mark);
      changed.set(key, mark);
      const total = this.#totals.get(subnet);
      const sum = {
        billedBytes: (total?.billedBytes ?? 0) + billed,
        unbilledBytes: (total?.unbilledBytes ?? 0) + unbilled,
      };
      this.#totals.set(subnet, sum);
      changed.set(`${EGRESS_PREFIX}${subnet}`, {
        billed: sum.billedBytes,
        unbilled: sum.unbilledBytes,
      });
    }
    if (changed.size > 0) this.#options.observeAll(changed);
  }

  #subnetOf(interfaceInstanceId: string): string | undefined {
    const { model } = this.#options;
    const document = model.byInstanceId(interfaceInstanceId);
    if (document?.kind !== 'network-interface') return undefined;
    const [primary] = document.ipConfigurations;
    return primary && model.virtualSubnet(primary.subnet)?.subnet.instanceId;
  }
}

function count(value: JsonValue | undefined): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}
