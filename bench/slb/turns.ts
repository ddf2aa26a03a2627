/**
 * Contestants that take turns: every exercise by each of them, in every round. One more round comes first and is not measured, for what runs for
 * the first time runs slowly. Called by the scenes.
 */
import type { Sample } from '../report.ts';
import { NOBODY } from './names.ts';
import type { Recorder } from './recorder.ts';

export interface Exercise<C> {
  readonly scene: string;
  takesPart(contestant: C): boolean;
  run(contestant: C, sec: number): Promise<Readonly<Record<string, number>>>;
}

export interface Turns<C> {
  readonly contestants: readonly C[];
  readonly exercises: readonly Exercise<C>[];
  readonly rounds: number;
  /** Of each exercise. */
  readonly sec: number;
}

export async function takeTurns<C extends { readonly name: string }>(
  { contestants, exercises, rounds, sec }: Turns<C>,
  recorder: Recorder,
): Promise<void> {
  for (let round = 0; round <= rounds; round += 1) {
    for (const exercise of exercises) {
      const turns: Sample[] = [];
      for (const contestant of contestants) {
        if (!exercise.takesPart(contestant)) continue;
        const { scene } = exercise;
        const { name } = contestant;
        const values = await recorder.attempt(`${name}, ${scene}, round ${round}`, () =>
          exercise.run(contestant, sec),
        );
        if (values === undefined || round === 0) continue;
        turns.push(...recorder.take({ scene, contestant: name, round }, values));
      }
      recorder.samples.push(...balancersPart(turns));
    }
  }
}

/** Of the time that a connection or a Gbit takes on all processors, what it takes less with nobody between. */
function balancersPart(turns: readonly Sample[]): Sample[] {
  return PARTS.flatMap(({ time: id, own, rate }) => {
    const times = turns.filter(({ measure }) => measure === id);
    const ends = times.find(({ contestant }) => contestant === NOBODY)?.value;
    if (ends === undefined) return [];
    return times.flatMap((time) => {
      const value = time.value - ends;
      // In a run that others disturb it may be anything.
      if (time.contestant === NOBODY || value <= 0) return [];
      return [
        { ...time, measure: own, value },
        { ...time, measure: rate, value: 1000 / value },
      ];
    });
  });
}

/** Of a Gbit the times are in milliseconds, of a connection in microseconds: a thousand divided by them is Gbit/s, and thousands of connections. */
const PARTS = [
  { time: 'uploadTime', own: 'uploadOwnTime', rate: 'uploadRate' },
  { time: 'downloadTime', own: 'downloadOwnTime', rate: 'downloadRate' },
  { time: 'connectTime', own: 'balancerTime', rate: 'balancerRate' },
] as const;
