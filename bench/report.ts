/**
 * The result of a suite: samples in, medians and ratios out, as a table for people and as JSON for the next run to compare with.
 *
 * Every contestant is measured in every round, so each round gives a ratio of its own in which the machine's mood of that minute cancels
 * out; the ratio shown is the median of these, never the ratio of two medians from different minutes. A ratio is ours divided by the
 * peer's, whatever is better. Called by every bench/SUITE/main.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { describeMachine, formatMachine, type Machine } from './machine.ts';
import { median } from './statistics.ts';

export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

export interface Sample {
  /** What the contestants were made to do it in, e.g. `same host`. */
  readonly scene: string;
  readonly measure: string;
  readonly contestant: string;
  /** From 1. */
  readonly round: number;
  readonly value: number;
}

/** What is to be reached: ours ÷ peer's at least `min`, or below `max`; without a peer ours itself. */
export interface Goal {
  readonly scene: string;
  readonly measure: string;
  readonly peer?: string;
  readonly min?: number;
  readonly max?: number;
}

export interface Result {
  readonly scene: string;
  readonly measure: Measure;
  readonly contestants: readonly ContestantResult[];
}

export interface ContestantResult {
  readonly contestant: string;
  readonly median: number;
  /** By round. */
  readonly samples: readonly number[];
  /** Ours ÷ this one, median over the rounds; undefined for ours and where ours is missing. */
  readonly ratio: number | undefined;
}

export interface GoalResult extends Goal {
  /** undefined: not measured. */
  readonly value: number | undefined;
  readonly isMet: boolean;
}

export interface Report {
  readonly suite: string;
  /** ISO 8601. */
  readonly at: string;
  readonly machine: Machine;
  readonly ours: string;
  readonly rounds: number;
  /** Settings of the run and versions of the peers. */
  readonly conditions: Readonly<Record<string, string | number>>;
  readonly results: readonly Result[];
  readonly goals: readonly GoalResult[];
  /** Contestants that could not be measured, and why. */
  readonly missing: Readonly<Record<string, string>>;
}

export interface ReportInput {
  readonly suite: string;
  readonly ours: string;
  readonly conditions: Readonly<Record<string, string | number>>;
  readonly measures: readonly Measure[];
  readonly samples: readonly Sample[];
  readonly goals: readonly Goal[];
  readonly missing: Readonly<Record<string, string>>;
}

export function buildReport(input: ReportInput): Report {
  const { samples, ours } = input;
  const scenes = [...new Set(samples.map(({ scene }) => scene))];
  const results = scenes.flatMap((scene) =>
    input.measures.flatMap((measure) => {
      const of = samples.filter((each) => each.scene === scene && each.measure === measure.id);
      return of.length === 0 ? [] : [{ scene, measure, contestants: contestantResults(of, ours) }];
    }),
  );
  return {
    suite: input.suite,
    at: new Date(systemClock.wallNow()).toISOString(),
    machine: describeMachine(),
    ours,
    rounds: Math.max(0, ...samples.map(({ round }) => round)),
    conditions: input.conditions,
    results,
    goals: input.goals.map((goal) => judge(goal, results, ours)),
    missing: input.missing,
  };
}

/** bench/results/SUITE.json; returns its path. */
export function writeReport(report: Report): string {
  const folder = new URL('../../bench/results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${report.suite}.json`, folder);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return `bench/results/${report.suite}.json`;
}

export function formatReport(report: Report): string {
  const conditions = Object.entries(report.conditions).map(([name, value]) => `${name}: ${value}`);
  const scenes = [...new Set(report.results.map(({ scene }) => scene))];
  return [
    `${report.suite} — ${formatMachine(report.machine)}`,
    `medians of ${report.rounds} interleaved rounds; in brackets ${report.ours} ÷ peer`,
    ...conditions.map((condition) => `  ${condition}`),
    ...scenes.map((scene) => `\n${formatScene(report, scene)}`),
    ...(report.goals.length > 0 ? ['\nto be reached', ...report.goals.map(formatGoal)] : []),
    ...Object.entries(report.missing).map(([name, why]) => `\nnot measured: ${name}: ${why}`),
    '',
  ].join('\n');
}

function contestantResults(samples: readonly Sample[], ours: string): ContestantResult[] {
  const oursByRound = new Map(
    samples
      .filter(({ contestant }) => contestant === ours)
      .map(({ round, value }) => [round, value]),
  );
  return [...new Set(samples.map(({ contestant }) => contestant))].map((contestant) => {
    const own = samples.filter((sample) => sample.contestant === contestant);
    const ratios = own.flatMap(({ round, value }) => {
      const our = oursByRound.get(round);
      return contestant === ours || our === undefined || value === 0 ? [] : [our / value];
    });
    return {
      contestant,
      median: median(own.map(({ value }) => value)),
      samples: own.map(({ value }) => value),
      ratio: ratios.length === 0 ? undefined : median(ratios),
    };
  });
}

function judge(goal: Goal, results: readonly Result[], ours: string): GoalResult {
  const result = results.find(
    ({ scene, measure }) => scene === goal.scene && measure.id === goal.measure,
  );
  const of = result?.contestants.find(({ contestant }) => contestant === (goal.peer ?? ours));
  const value = goal.peer === undefined ? of?.median : of?.ratio;
  const isMet =
    value !== undefined && value >= (goal.min ?? -Infinity) && value <= (goal.max ?? Infinity);
  return { ...goal, value, isMet };
}

function formatScene(report: Report, scene: string): string {
  const results = report.results.filter((result) => result.scene === scene);
  const names = [
    ...new Set(results.flatMap((result) => result.contestants.map((each) => each.contestant))),
  ].sort((a, b) => Number(b === report.ours) - Number(a === report.ours));
  const rows = results.map(({ measure, contestants }) => {
    const cells = names.map((name) => {
      const of = contestants.find(({ contestant }) => contestant === name);
      if (of === undefined) return '—';
      const ratio = of.ratio === undefined ? '' : ` (${formatFigure(of.ratio)})`;
      return `${formatFigure(of.median)}${ratio}`;
    });
    return [measure.title, `${measure.unit}${measure.better === 'lower' ? ' ↓' : ''}`, ...cells];
  });
  return formatTable([[scene, 'unit', ...names], ...rows]);
}

function formatGoal(goal: GoalResult): string {
  const bound = goal.min === undefined ? `≤ ${goal.max}` : `≥ ${goal.min}`;
  const peer = goal.peer === undefined ? '' : ` × ${goal.peer}`;
  const value = goal.value === undefined ? 'not measured' : formatFigure(goal.value);
  const verdict = goal.value === undefined ? '' : goal.isMet ? ' — reached' : ' — MISSED';
  return `  ${goal.scene}, ${goal.measure}: ${bound}${peer}: ${value}${verdict}`;
}

/** Three significant digits, no exponent. */
export function formatFigure(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** First column to the left, the others to the right. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}
