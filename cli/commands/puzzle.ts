/** `weft puzzle`: prepared networks in which a ping fails, to learn finding out why (docs/tutorial-diagnosis.md). */
import type { Command } from 'commander';
import { type Puzzle, startPuzzle, stopPuzzle, tryPuzzle } from '../../fabric/puzzles/puzzle.ts';
import { PUZZLES } from '../../fabric/puzzles/puzzles.ts';
import { findVm } from '../../fabric/vm.ts';
import { UsageFault } from '../fault-report.ts';
import { inside, vmFabric } from '../inside.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';

export function addPuzzleCommands(program: Command, session: Session): void {
  const puzzle = program.command('puzzle').description('prepared networks in which a ping fails');
  puzzle
    .command('list')
    .description('the puzzles, and which are running')
    .action(() => list(session));
  puzzle
    .command('start <name>')
    .description('make its networks and start its VMs')
    .action((name: string) => inside(session, () => start(session, known(name))));
  puzzle
    .command('check <name>')
    .description('try its ping; exit code 0 when it works')
    .action((name: string) => inside(session, () => check(session, known(name))));
  puzzle
    .command('stop <name...>')
    .description('remove all that belongs to it')
    .action((names: readonly string[]) => inside(session, () => stop(session, names.map(known))));
}

function known(name: string): Puzzle {
  const found = PUZZLES.find((puzzle) => puzzle.name === name);
  if (found !== undefined) return found;
  const names = PUZZLES.map((puzzle) => puzzle.name).join(', ');
  throw new UsageFault(`there is no puzzle ${name}`, `Puzzles: ${names}`);
}

interface Row {
  readonly name: string;
  readonly isRunning: boolean;
  readonly complaint: string;
}

function list(session: Session): void {
  session.fabric();
  const rows = PUZZLES.map(({ name, complaint, symptom }): Row => {
    return { name, complaint, isRunning: findVm(session.state, symptom.from) !== undefined };
  });
  session.print(rows, () =>
    formatTable<Row>(
      [
        { heading: 'NAME', value: (row) => row.name },
        { heading: 'RUNS', value: (row) => (row.isRunning ? 'yes' : 'no') },
        { heading: 'COMPLAINT', value: (row) => row.complaint },
      ],
      rows,
    ),
  );
}

async function start(session: Session, puzzle: Puzzle): Promise<void> {
  const { hosts } = session.fabric();
  const fabric = { ...vmFabric(session), hosts };
  await session.waiting(
    `building ${puzzle.name}`,
    startPuzzle(puzzle, fabric, session.northbound()),
  );
  const { name, complaint, machines, symptom } = puzzle;
  session.print({ started: name, machines: machines.map((each) => each.name), symptom }, () =>
    [
      `${complaint}\n`,
      `\n  weft vm exec ${symptom.from} -- ping -c 3 ${symptom.to}\n`,
      `\nFind out why. Then make it work: weft puzzle check ${name}\n`,
    ].join(''),
  );
}

async function check(session: Session, puzzle: Puzzle): Promise<void> {
  const { name, symptom } = puzzle;
  if (findVm(session.state, symptom.from) === undefined) {
    throw new UsageFault(`${name} does not run`, `Start it: weft puzzle start ${name}`);
  }
  const result = await session.waiting(
    `${symptom.from} pings ${symptom.to}`,
    tryPuzzle(puzzle, vmFabric(session)),
  );
  session.exitCode = result.isSolved ? 0 : 1;
  session.print({ puzzle: name, isSolved: result.isSolved }, () =>
    result.isSolved
      ? `${symptom.from} reaches ${symptom.to}: solved\n`
      : `${symptom.from} does not reach ${symptom.to}: not yet\n`,
  );
}

async function stop(session: Session, puzzles: readonly Puzzle[]): Promise<void> {
  for (const puzzle of puzzles) {
    await session.waiting(
      `removing ${puzzle.name}`,
      stopPuzzle(puzzle, vmFabric(session), session.northbound()),
    );
  }
  const names = puzzles.map(({ name }) => name);
  session.print({ stopped: names }, () => names.map((name) => `removed ${name}\n`).join(''));
}
