/** Ours as a program: `weft-speaker.js FILE`, options of the speaker and its neighbours. Started by daemons.ts. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import type { SpeakerOptions } from '../../bgp/speaker/contract.ts';
import type { NeighbourOptions } from '../../bgp/speaker/options.ts';
import { createSpeaker } from '../../bgp/speaker.ts';

export interface WeftSettings {
  readonly speaker: Omit<SpeakerOptions, 'clock'>;
  readonly neighbours: readonly NeighbourOptions[];
}

const [, , file = ''] = process.argv;
const { speaker: options, neighbours } = JSON.parse(readFileSync(file, 'utf8')) as WeftSettings;
const speaker = createSpeaker({ ...options, clock: systemClock });
for (const neighbour of neighbours) speaker.setNeighbour(neighbour);
await speaker.start();
