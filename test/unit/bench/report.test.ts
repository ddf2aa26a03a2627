/** The benchmark's arithmetic: medians, paired ratios, goals. */
import test from 'ava';
import { buildReport, formatFigure, formatReport, type Sample } from '../../../bench/report.ts';
import { median, quantile } from '../../../bench/statistics.ts';

const SPEED = { id: 'speed', title: 'speed', unit: 'Gbit/s', better: 'higher' } as const;

function sample(contestant: string, round: number, value: number): Sample {
  return { scene: 'one host', measure: 'speed', contestant, round, value };
}

function reportOf(samples: readonly Sample[]) {
  const goals = [
    { scene: 'one host', measure: 'speed', peer: 'theirs', min: 0.5 },
    { scene: 'one host', measure: 'speed', peer: 'theirs', min: 0.6 },
    { scene: 'one host', measure: 'speed', max: 10 },
    { scene: 'elsewhere', measure: 'speed', peer: 'theirs', min: 1 },
  ];
  const rest = { conditions: { seconds: 2 }, measures: [SPEED], missing: { third: 'not there' } };
  return buildReport({ suite: 'sample', ours: 'ours', samples, goals, ...rest });
}

test('a ratio is the median of the rounds’ own ratios, not the ratio of medians', (t) => {
  // In round 2 the machine was busy for both.
  const report = reportOf([
    ...[10, 2, 9].map((value, index) => sample('ours', index + 1, value)),
    ...[20, 4, 30].map((value, index) => sample('theirs', index + 1, value)),
  ]);
  const [ours, theirs] = report.results[0]?.contestants ?? [];
  t.is(ours?.median, 9);
  t.is(ours?.ratio, undefined);
  t.is(theirs?.median, 20);
  t.is(theirs?.ratio, 0.5);
  t.deepEqual(
    report.goals.map(({ value, isMet }) => [value, isMet]),
    [
      [0.5, true],
      [0.5, false],
      [9, true],
      [undefined, false],
    ],
  );
});

test('without ours there are figures and no ratios', (t) => {
  const report = reportOf([sample('theirs', 1, 3)]);
  t.is(report.results[0]?.contestants[0]?.ratio, undefined);
  t.false(report.goals.some(({ isMet }) => isMet));
});

test('the table has ours first, its ratio to each peer, and what is missing', (t) => {
  const text = formatReport(
    reportOf([sample('theirs', 1, 20), sample('ours', 1, 10), sample('a peer', 1, 4)]),
  );
  t.regex(text, /one host +unit +ours +theirs +a peer/);
  t.regex(text, /speed +Gbit\/s +10\.0 +20\.0 \(0\.500\) +4\.00 \(2\.50\)/);
  t.regex(text, /not measured: third: not there/);
});

test('figures have three significant digits', (t) => {
  t.deepEqual([0, 0.01234, 1, 12.34, 123.4, 12345].map(formatFigure), [
    '0',
    '0.0123',
    '1.00',
    '12.3',
    '123',
    '12345',
  ]);
});

test('medians and quantiles', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.is(quantile([5, 1, 4, 2, 3], 0.99), 5);
  t.is(quantile([5, 1, 4, 2, 3], 0.5), 3);
});
