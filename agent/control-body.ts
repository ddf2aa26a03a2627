/** The JSON body of a request to a role's control API, of bounded size. Called by the operations that take one. */
import type { IncomingMessage } from 'node:http';
import { messageOf } from '../base/errors.ts';
import { ControlFault } from './control-fault.ts';

export interface BodyRules {
  readonly bytesMax: number;
  /** Codes of the faults. */
  readonly tooLong: string;
  readonly malformed: string;
}

/** Rejects with a ControlFault: 413 for what is longer, of which no more is read; 400 for what is no JSON. */
export async function readJson(
  request: IncomingMessage,
  { bytesMax, tooLong, malformed }: BodyRules,
): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const chunk = part as Buffer;
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new ControlFault(413, tooLong, `the body is longer than ${bytesMax} bytes`);
    }
    parts.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch (cause) {
    const text = `the body is not JSON: ${messageOf(cause)}`;
    throw new ControlFault(400, malformed, text, { remedy: 'send a JSON object' });
  }
}
