/**
 * Ports of a public virtual address, leased to the backends whose outbound connections use it (MS-NCNBI §3.1.5.5.6; sizes are Azure's). Pure:
 * what was leased, and who is there now, make what is leased now.
 *
 *   backends of the pool       ≤ 50   ≤ 100   ≤ 200   ≤ 400   ≤ 800   ≤ 1000    more
 *   ports of each, and address 1024     512     256     128      64       32      16, then 8
 *
 * Blocks of eight, aligned. A backend that stays keeps its ports: another one that comes or goes moves none of them; only where the pool grows
 * over a step does each give back what it has too many, its highest first. What is given back rests for SNAT_REST, unless its last holder
 * wants it again. Where ports do not suffice, those that lack any share what there is. Called by southbound/snat-leases.
 */
import { assert } from '../../base/assert.ts';
import { SNAT_BLOCK_PORTS, SNAT_PORT_FIRST, SNAT_PORT_LAST, SNAT_REST } from './limits.ts';

/** Both inclusive; `first` is a multiple of 8, and so is the count. */
export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

export interface PortWish {
  /** Names the backend, and no other one that might have its address later. */
  readonly holder: string;
  /** A multiple of 8. */
  readonly ports: number;
}

export interface RestingPorts extends PortSpan {
  /** Who had them. */
  readonly holder: string;
  /** Milliseconds since 1970, for it outlives the controller's process. */
  readonly untilMs: number;
}

/** Of one public address. */
export interface PortLeases {
  /** By holder; spans in ascending order, none touching the next. */
  readonly leased: ReadonlyMap<string, readonly PortSpan[]>;
  readonly resting: readonly RestingPorts[];
}

export const NO_LEASES: PortLeases = { leased: new Map(), resting: [] };

const BLOCKS = (SNAT_PORT_LAST + 1 - SNAT_PORT_FIRST) / SNAT_BLOCK_PORTS;

/** Largest pool and ports of each backend of it, in Azure's steps. */
const STEPS: readonly (readonly [backendsMax: number, ports: number])[] = [
  [50, 1024],
  [100, 512],
  [200, 256],
  [400, 128],
  [800, 64],
  [1000, 32],
  [2000, 16],
];

/** Ports that each backend of a pool of so many has of each address. */
export function portsPerBackend(backends: number): number {
  return STEPS.find(([backendsMax]) => backends <= backendsMax)?.[1] ?? SNAT_BLOCK_PORTS;
}

/** Blocks in which a rule leads in: of `ports`; 0 stands for all. */
export function blocksOfRules(ports: Iterable<number>): ReadonlySet<number> {
  const blocks = new Set<number>();
  for (const port of ports) {
    if (port === 0) for (let block = 0; block < BLOCKS; block += 1) blocks.add(block);
    else if (port >= SNAT_PORT_FIRST && port <= SNAT_PORT_LAST) blocks.add(blockOf(port));
  }
  return blocks;
}

/** What is leased from `nowMs` on. `wishes`: each holder once, the ones that come first are served first. */
export function leasePorts(
  before: PortLeases,
  wishes: readonly PortWish[],
  taken: ReadonlySet<number>,
  nowMs: number,
): PortLeases {
  const table = new BlockTable(taken);
  const wanted = new Map(wishes.map(({ holder, ports }) => [holder, ports / SNAT_BLOCK_PORTS]));
  const untilMs = nowMs + SNAT_REST;
  for (const rest of before.resting) {
    if (rest.untilMs > nowMs) table.rest(blocksIn(rest), rest.holder, rest.untilMs);
  }
  for (const [holder, spans] of before.leased) {
    const blocks = spans.flatMap(blocksIn);
    const kept = blocks.filter((block) => !taken.has(block)).slice(0, wanted.get(holder) ?? 0);
    const keeps = new Set(kept);
    table.lease(kept, holder);
    table.rest(
      blocks.filter((block) => !keeps.has(block)),
      holder,
      untilMs,
    );
  }
  for (const [holder, count] of wanted) table.takeBack(holder, count - table.countOf(holder));
  share(table, wanted);
  return table.result();
}

/** When ports that rest may be given out again, milliseconds since 1970; undefined: none rest. */
export function restEndsAt({ resting }: PortLeases): number | undefined {
  return resting.length === 0 ? undefined : Math.min(...resting.map(({ untilMs }) => untilMs));
}

export function portCount(spans: readonly PortSpan[]): number {
  return spans.reduce((sum, { first, last }) => sum + last + 1 - first, 0);
}

/** Those that lack blocks get them; where there are too few, each as many as another, and the first ones what is left over. */
function share(table: BlockTable, wanted: ReadonlyMap<string, number>): void {
  let lacking = [...wanted].filter(([holder, count]) => table.countOf(holder) < count);
  while (lacking.length > 0 && table.freeCount > 0) {
    const each = Math.max(1, Math.floor(table.freeCount / lacking.length));
    for (const [holder, count] of lacking) {
      table.leaseFree(holder, Math.min(each, count - table.countOf(holder)));
    }
    lacking = lacking.filter(([holder, count]) => table.countOf(holder) < count);
  }
}

/** Who has which block of one address. */
class BlockTable {
  /** Undefined: free. */
  readonly #holders: (string | undefined)[] = new Array(BLOCKS).fill(undefined);
  readonly #resting = new Map<number, { readonly holder: string; readonly untilMs: number }>();
  readonly #taken: ReadonlySet<number>;
  readonly #counts = new Map<string, number>();
  #free: number;
  #searched = { count: 0, upTo: 0 };

  constructor(taken: ReadonlySet<number>) {
    this.#taken = taken;
    this.#free = BLOCKS - taken.size;
  }

  /** Blocks that anybody may have now. */
  get freeCount(): number {
    return this.#free;
  }

  countOf(holder: string): number {
    return this.#counts.get(holder) ?? 0;
  }

  lease(blocks: readonly number[], holder: string): void {
    for (const block of blocks) {
      assert(this.#holders[block] === undefined, 'a block has one holder');
      if (this.#resting.delete(block)) this.#free += 1;
      this.#holders[block] = holder;
      this.#free -= 1;
    }
    this.#counts.set(holder, this.countOf(holder) + blocks.length);
  }

  rest(blocks: readonly number[], holder: string, untilMs: number): void {
    for (const block of blocks) {
      if (this.#taken.has(block) || this.#holders[block] !== undefined) continue;
      if (!this.#resting.has(block)) this.#free -= 1;
      this.#resting.set(block, { holder, untilMs });
    }
  }

  /** What rests of the holder's own is its again at once, lowest first. */
  takeBack(holder: string, count: number): void {
    if (count <= 0 || this.#resting.size === 0) return;
    const own = [...this.#resting].filter(([, rest]) => rest.holder === holder);
    const blocks = own.map(([block]) => block).sort((a, b) => a - b);
    this.lease(blocks.slice(0, count), holder);
  }

  /** The lowest run of free blocks that is long enough; else the lowest free ones, in pieces. */
  leaseFree(holder: string, count: number): void {
    if (count <= 0 || this.#free === 0) return;
    const run = this.#firstRun(count);
    if (run !== undefined) {
      this.lease(
        Array.from({ length: count }, (_one, index) => run + index),
        holder,
      );
      return;
    }
    const pieces: number[] = [];
    for (let block = 0; block < BLOCKS && pieces.length < count; block += 1) {
      if (this.#isFree(block)) pieces.push(block);
    }
    this.lease(pieces, holder);
  }

  result(): PortLeases {
    const leased = new Map<string, PortSpan[]>();
    const resting: RestingPorts[] = [];
    for (let block = 0; block < BLOCKS; ) {
      const holder = this.#holders[block];
      const end = holder === undefined ? block + 1 : this.#runEnd(block, holder);
      const span = { first: portOf(block), last: portOf(end) - 1 };
      if (holder !== undefined) {
        const spans = leased.get(holder);
        if (spans === undefined) leased.set(holder, [span]);
        else spans.push(span);
      } else if (this.#resting.size > 0) {
        const rest = this.#resting.get(block);
        if (rest !== undefined) extendRest(resting, { ...span, ...rest });
      }
      block = end;
    }
    return { leased, resting };
  }

  /** One behind the last of the blocks from `block` on that all have this holder. */
  #runEnd(block: number, holder: string): number {
    let end = block + 1;
    while (end < BLOCKS && this.#holders[end] === holder) end += 1;
    return end;
  }

  #firstRun(count: number): number | undefined {
    let length = 0;
    // Nothing becomes free while blocks are given out: before the last run there is none as long as that.
    const from = count >= this.#searched.count ? this.#searched.upTo : 0;
    for (let block = from; block < BLOCKS; block += 1) {
      length = this.#isFree(block) ? length + 1 : 0;
      if (length < count) continue;
      this.#searched = { count, upTo: block + 1 };
      return block + 1 - count;
    }
    this.#searched = { count, upTo: BLOCKS };
    return undefined;
  }

  #isFree(block: number): boolean {
    return (
      this.#holders[block] === undefined && !this.#resting.has(block) && !this.#taken.has(block)
    );
  }
}

function extendRest(resting: RestingPorts[], span: RestingPorts): void {
  const last = resting.at(-1);
  const isNext =
    last !== undefined &&
    last.last + 1 === span.first &&
    last.holder === span.holder &&
    last.untilMs === span.untilMs;
  if (isNext) resting[resting.length - 1] = { ...last, last: span.last };
  else resting.push(span);
}

/** First one of the block. */
function portOf(block: number): number {
  return SNAT_PORT_FIRST + block * SNAT_BLOCK_PORTS;
}

function blockOf(port: number): number {
  return Math.floor((port - SNAT_PORT_FIRST) / SNAT_BLOCK_PORTS);
}

function blocksIn({ first, last }: PortSpan): number[] {
  const blocks: number[] = [];
  for (let block = blockOf(first); block <= blockOf(last); block += 1) blocks.push(block);
  return blocks;
}
