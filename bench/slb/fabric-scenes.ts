/** What is measured on a fabric: the ways to its backends in turns, and how soon everybody knows what a probe has found out. Called by main.ts. */
import { buildBalancedFabric } from './balanced-fabric.ts';
import { closingAfter } from './closing-after.ts';
import { fabricExercises } from './fabric-exercises.ts';
import { probeResults } from './probe-results.ts';
import type { Recorder } from './recorder.ts';
import { takeTurns } from './turns.ts';

/** What it is called where it cannot be built. */
export const FABRIC = 'a fabric';

export interface FabricScenes {
  readonly rounds: number;
  readonly sec: number;
  readonly isWanted: (id: string) => boolean;
}

export async function fabricScenes(
  { rounds, sec, isWanted }: FabricScenes,
  recorder: Recorder,
): Promise<void> {
  if (!isWanted('path') && !isWanted('probes')) return;
  const scene = await recorder.attempt(FABRIC, buildBalancedFabric);
  if (scene === undefined) return;
  await closingAfter(scene.close, async () => {
    if (isWanted('path')) {
      const exercises = fabricExercises(scene);
      await takeTurns({ contestants: scene.ways, exercises, rounds, sec }, recorder);
    }
    if (isWanted('probes')) {
      await recorder.attempt('results of probes', () => probeResults(scene, recorder));
    }
  });
}
