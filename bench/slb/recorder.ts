/** Samples of a run as they come, told on the screen, and what could not be measured and why. Called by main.ts and the scenes. */
import { messageOf } from '../../base/errors.ts';
import { formatFigure, type Sample } from '../report.ts';

/** Whose samples, of what, in which round. */
export type Of = Pick<Sample, 'scene' | 'contestant' | 'round'>;

const REASON_LENGTH_MAX = 300;

export class Recorder {
  readonly samples: Sample[] = [];
  readonly missing: Record<string, string> = {};

  take(of: Of, values: Readonly<Record<string, number>>): readonly Sample[] {
    const all = Object.entries(values);
    const figures = all.map(([id, value]) => `${id} ${formatFigure(value)}`).join(', ');
    console.log(`round ${of.round}, ${of.scene}, ${of.contestant}: ${figures}`);
    const samples = all.map(([measure, value]) => ({ ...of, measure, value }));
    this.samples.push(...samples);
    return samples;
  }

  /** undefined: it could not be measured, and why is noted. */
  async attempt<T>(name: string, body: () => Promise<T>): Promise<T | undefined> {
    try {
      return await body();
    } catch (thrown) {
      const reason = messageOf(thrown).slice(0, REASON_LENGTH_MAX);
      this.missing[name] = reason;
      console.log(`${name}: ${reason}`);
      return undefined;
    }
  }
}
