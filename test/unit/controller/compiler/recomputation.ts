/**
 * Incremental = recompute: whatever changes come in whatever order, the goal states are those that a compiler has which sees only the end, and the
 * changes it names are the changes made. What changes there are is a test's: incremental.test.ts, balancing-incremental.test.ts.
 */
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Compiler, type CompilerInput } from '../../../../controller/compiler/compiler.ts';
import type { SliceChanges } from '../../../../controller/goal-state/goal-states.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';

export type Change = Omit<CompilerInput, 'revision'>;

/** Two generations, so that things are made again under the same name. */
export const generation: fc.Arbitrary<string> = fc.constantFrom('', '-again');

/** An optional property that is absent rather than undefined. */
export function some<N extends string, V>(name: N, value: V | undefined): { [K in N]?: V } {
  return Object.fromEntries(value === undefined ? [] : [[name, value]]) as { [K in N]?: V };
}

/** Undefined: it is deleted. */
export function document(key: string, value?: JsonObject): CompilerInput['documents'][number] {
  return { key, value };
}

/** After each of `inputs`, with and without `ground` before them. */
export function assertRecomputed(
  t: ExecutionContext,
  inputs: fc.Arbitrary<readonly Change[]>,
  ground: Change,
): void {
  fc.assert(
    fc.property(inputs, fc.boolean(), (changes, fromGround) => {
      const sequence = fromGround ? [ground, ...changes] : changes;
      const incremental = new Compiler();
      const final = new Final();
      let before = contents(incremental);
      sequence.forEach((input, at) => {
        const made = incremental.apply({ revision: at + 1, ...input });
        incremental.checkInvariants();
        final.take(input);
        const after = contents(incremental);
        t.deepEqual(named(made), difference(before, after));
        before = after;
      });
      const whole = new Compiler();
      whole.apply({ revision: sequence.length, ...final.input() });
      t.deepEqual(difference(before, contents(whole)), {}, JSON.stringify(sequence));
      t.is(incremental.recompute().size, 0);
      t.deepEqual(contents(incremental), before);
    }),
    { numRuns: 400 },
  );
}

/** What a sequence of inputs comes to. */
class Final {
  readonly #documents = new Map<string, JsonObject | undefined>();
  readonly #placements = new Map<string, string | undefined>();
  readonly #last = new Map<string, object>();

  take(input: Change): void {
    for (const { key, value } of input.documents) this.#documents.set(key, value);
    for (const { interfaceInstanceId, serverId } of input.placements) {
      this.#placements.set(interfaceInstanceId, serverId);
    }
    for (const each of input.holders ?? []) {
      this.#last.set(`holder ${each.vnetId} ${each.address}`, each);
    }
    for (const each of input.health ?? []) {
      this.#last.set(`health ${each.probeId} ${each.address}`, each);
    }
    for (const each of input.announcements ?? []) this.#last.set(`announce ${each.vipId}`, each);
    for (const each of input.retirements ?? []) this.#last.set(`retire ${each.vipId}`, each);
    for (const each of input.leases ?? []) this.#last.set(`lease ${each.vipId}`, each);
  }

  input(): Change {
    const of = <T>(kind: string) =>
      [...this.#last].filter(([key]) => key.startsWith(`${kind} `)).map(([, value]) => value as T);
    return {
      documents: [...this.#documents].map(([key, value]) => ({ key, value })),
      placements: [...this.#placements].map(([interfaceInstanceId, serverId]) => ({
        interfaceInstanceId,
        serverId,
      })),
      holders: of('holder'),
      health: of('health'),
      announcements: of('announce'),
      retirements: of('retire'),
      leases: of('lease'),
    };
  }
}

/** By target, by key of the resource. */
export type Contents = Record<string, Record<string, unknown>>;

/** Everything that is told to everybody, without versions. */
export function contents(compiler: Compiler): Contents {
  return Object.fromEntries(
    [...compiler.targets()].sort().map((target) => [
      target,
      Object.fromEntries(
        [...(compiler.slice(target)?.resources ?? [])]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, { bytes }]) => {
            // Without the pool that a Buffer is a view of.
            const resource = resourceCodec.decode(new Uint8Array(bytes));
            return [key, { ...resource, version: 0 }];
          }),
      ),
    ]),
  );
}

function named(changes: SliceChanges): Record<string, string[]> {
  return Object.fromEntries(
    [...changes].map(([target, keys]): [string, string[]] => [target, [...keys.keys()].sort()]),
  );
}

function difference(before: Contents, after: Contents): Record<string, string[]> {
  const targets = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(
    targets.flatMap((target): [string, string[]][] => {
      const [was, will] = [before[target] ?? {}, after[target] ?? {}];
      const keys = [...new Set([...Object.keys(was), ...Object.keys(will)])].sort();
      const changed = keys.filter((key) => JSON.stringify(was[key]) !== JSON.stringify(will[key]));
      return changed.length === 0 ? [] : [[target, changed]];
    }),
  );
}
