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
    if (rest.untilMs > nowMs) table.keepResting(rest);
  }
  for (const [holder, spans] of before.leased) {
    table.keepLeased(holder, spans, wanted.get(holder) ?? 0, untilMs);
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

/** Of a block: nobody's, or no backend's ever. Else it is its holder's number, negative where it rests. */
const FREE = 0;
const TAKEN = 0x7fff_ffff;

/** Who has which block of one address. Thousands of blocks, of thousands of addresses: numbers in arrays, and nothing made for each. */
class BlockTable {
  readonly #blocks = new Int32Array(BLOCKS);
  /** Of those that rest. */
  readonly #untilMs = new Float64Array(BLOCKS);
  /** By number, from 1 on. */
  readonly #names: string[] = [''];
  readonly #numbers = new Map<string, number>();
  /** By number: blocks leased, and blocks that rest. */
  readonly #leased: number[] = [0];
  readonly #resting: number[] = [0];
  #free: number;
  #searched = { count: 0, upTo: 0 };

  constructor(taken: ReadonlySet<number>) {
    for (const block of taken) this.#blocks[block] = TAKEN;
    this.#free = BLOCKS - taken.size;
  }

  /** Blocks that anybody may have now. */
  get freeCount(): number {
    return this.#free;
  }

  countOf(holder: string): number {
    return this.#leased[this.#numbers.get(holder) ?? 0] ?? 0;
  }

  keepResting(rest: RestingPorts): void {
    const number = this.#numberOf(rest.holder);
    const end = blockOf(rest.last) + 1;
    for (let block = blockOf(rest.first); block < end; block += 1) {
      this.#rest(block, number, rest.untilMs);
    }
  }

  /** The lowest `count` of what was leased; the others rest. */
  keepLeased(holder: string, spans: readonly PortSpan[], count: number, untilMs: number): void {
    const number = this.#numberOf(holder);
    let left = count;
    for (const { first, last } of spans) {
      const end = blockOf(last) + 1;
      for (let block = blockOf(first); block < end; block += 1) {
        if ((this.#blocks[block] ?? TAKEN) === TAKEN) continue;
        if (left > 0) this.#lease(block, number);
        else this.#rest(block, number, untilMs);
        left -= 1;
      }
    }
  }

  /** What rests of the holder's own is its again at once, lowest first. */
  takeBack(holder: string, count: number): void {
    const number = this.#numberOf(holder);
    let left = Math.min(count, this.#resting[number] ?? 0);
    for (let block = 0; block < BLOCKS && left > 0; block += 1) {
      if (this.#blocks[block] !== -number) continue;
      this.#lease(block, number);
      left -= 1;
    }
  }

  /** The lowest run of free blocks that is long enough; else the lowest free ones, in pieces. */
  leaseFree(holder: string, count: number): void {
    if (count <= 0 || this.#free === 0) return;
    const number = this.#numberOf(holder);
    let left = count;
    for (let block = this.#firstRun(count) ?? 0; block < BLOCKS && left > 0; block += 1) {
      if (this.#blocks[block] !== FREE) continue;
      this.#lease(block, number);
      left -= 1;
    }
  }

  result(): PortLeases {
    const leased = new Map<string, PortSpan[]>();
    const resting: RestingPorts[] = [];
    for (let block = 0; block < BLOCKS; ) {
      const owner = this.#blocks[block] ?? TAKEN;
      const end = this.#runEnd(block);
      if (owner !== FREE && owner !== TAKEN) {
        const span = { first: portOf(block), last: portOf(end) - 1 };
        const holder = this.#names[Math.abs(owner)] ?? '';
        if (owner < 0) resting.push({ ...span, holder, untilMs: this.#untilMs[block] ?? 0 });
        else {
          const spans = leased.get(holder);
          if (spans === undefined) leased.set(holder, [span]);
          else spans.push(span);
        }
      }
      block = end;
    }
    return { leased, resting };
  }

  #numberOf(holder: string): number {
    let number = this.#numbers.get(holder);
    if (number === undefined) {
      number = this.#names.push(holder) - 1;
      this.#numbers.set(holder, number);
      this.#leased.push(0);
      this.#resting.push(0);
    }
    return number;
  }

  #lease(block: number, number: number): void {
    const owner = this.#blocks[block] ?? TAKEN;
    assert(owner <= FREE, 'a block has one holder');
    if (owner === FREE) this.#free -= 1;
    else this.#count(this.#resting, -owner, -1);
    this.#blocks[block] = number;
    this.#count(this.#leased, number, 1);
  }

  /** What another one has, or may have no more, does not rest. */
  #rest(block: number, number: number, untilMs: number): void {
    const owner = this.#blocks[block] ?? TAKEN;
    if (owner > FREE) return;
    if (owner === FREE) this.#free -= 1;
    else this.#count(this.#resting, -owner, -1);
    this.#blocks[block] = -number;
    this.#untilMs[block] = untilMs;
    this.#count(this.#resting, number, 1);
  }

  #count(counts: number[], number: number, by: number): void {
    counts[number] = (counts[number] ?? 0) + by;
  }

  /** One behind the last of the blocks from `block` on that are all the same one's, and rest as long. */
  #runEnd(block: number): number {
    const owner = this.#blocks[block] ?? TAKEN;
    const untilMs = this.#untilMs[block];
    let end = block + 1;
    for (; end < BLOCKS && this.#blocks[end] === owner; end += 1) {
      if (owner < FREE && this.#untilMs[end] !== untilMs) break;
    }
    return end;
  }

  #firstRun(count: number): number | undefined {
    let length = 0;
    // Nothing becomes free while blocks are given out: before the last run there is none as long as that.
    const from = count >= this.#searched.count ? this.#searched.upTo : 0;
    for (let block = from; block < BLOCKS; block += 1) {
      length = this.#blocks[block] === FREE ? length + 1 : 0;
      if (length < count) continue;
      this.#searched = { count, upTo: block + 1 };
      return block + 1 - count;
    }
    this.#searched = { count, upTo: BLOCKS };
    return undefined;
  }
}

/** First one of the block. */
function portOf(block: number): number {
  return SNAT_PORT_FIRST + block * SNAT_BLOCK_PORTS;
}

function blockOf(port: number): number {
  return Math.floor((port - SNAT_PORT_FIRST) / SNAT_BLOCK_PORTS);
}
