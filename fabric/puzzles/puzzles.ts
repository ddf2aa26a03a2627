/** The puzzles there are, in the order of docs/tutorial-diagnosis.md. */
import { bakery } from './bakery.ts';
import { harbour } from './harbour.ts';
import { library } from './library.ts';
import { mill } from './mill.ts';
import type { Puzzle } from './puzzle.ts';
import { theatre } from './theatre.ts';

export const PUZZLES: readonly Puzzle[] = [bakery, harbour, library, theatre, mill];
