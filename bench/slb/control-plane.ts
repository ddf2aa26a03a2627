/** The control plane's scenes: a pool that changes, and a thousand addresses that are written. They have no peer. Called by main.ts. */
import { median } from '../statistics.ts';
import { WEFT } from './names.ts';
import { program } from './programming.ts';
import type { Recorder } from './recorder.ts';
import { changeTables } from './tables.ts';

export const TABLES = 'a pool of 1,000 backends changes';
export const PROGRAMMING = '1,000 addresses with 100 backends each';
const BACKENDS_OF_TABLE = 1_000;
const SHAPE = { balancers: 10, addressesOfEach: 100, backendsOfEach: 100, poolsOfEach: 1 };

export async function tables(recorder: Recorder): Promise<void> {
  const changes = await changeTables(BACKENDS_OF_TABLE);
  recorder.take(
    { scene: TABLES, contestant: WEFT, round: 1 },
    {
      made: median(changes.map(({ madeMs }) => madeMs)),
      inForce: median(changes.map(({ inForceMs }) => inForceMs)),
      madeByHost: median(changes.map(({ hostMs }) => hostMs)),
    },
  );
}

export async function programming(round: number, recorder: Recorder): Promise<void> {
  const programmed = await recorder.attempt(`${PROGRAMMING}, round ${round}`, () => program(SHAPE));
  if (programmed === undefined) return;
  const { writtenSec, announcedSec, controllerSec, muxSec } = programmed;
  recorder.take(
    { scene: PROGRAMMING, contestant: WEFT, round },
    {
      written: writtenSec,
      programmed: announcedSec,
      after: announcedSec - writtenSec,
      controller: controllerSec,
      mux: muxSec,
    },
  );
}
