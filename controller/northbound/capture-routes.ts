/**
 * Packet captures through the controller, under `/networking/weft/v1/captures`. A capture lives in its host's switch, with the switch's limits, and
 * is called `HOST.NUMBER`; the controller keeps nothing of it but, for a while, how those that were read here have ended. The file
 * is one answer that goes on until the capture has ended. Whoever stops reading it ends the capture. Called by weft-routes; docs/api.md lists
 * CAPTURE_ROUTES.
 */
import { Readable } from 'node:stream';
import Type from 'typebox';
import { type Clock, sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import {
  type CaptureFilter,
  captureFilterFault,
  parseCaptureFilter,
} from '../../schema/southbound/diagnostics/capture.ts';
import { CaptureBounds } from '../../schema/southbound/diagnostics/captures.ts';
import { type Answer, mismatch } from '../../schema/southbound/diagnostics/methods.ts';
import { askAll, type Explained, findInterface, hostOf, refOfPort } from '../diagnostics/hosts.ts';
import { QuestionFault } from '../southbound/questions.ts';
import { methodRefused } from './api-exchange.ts';
import { fault, type NorthboundFault } from './fault.ts';
import { CAPTURE_POLL_INTERVAL, CAPTURES_REMEMBERED_MAX } from './limits.ts';
import type { ApiPath } from './resource-path.ts';

/** For documentation. */
export const CAPTURE_ROUTES: readonly {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly summary: string;
}[] = [
  {
    method: 'POST',
    path: 'captures',
    query: '',
    summary:
      'start recording frames on the host of a network interface (`nic`) or on a `host`; ' +
      'body `{"nic" or "host", "filter"?: "tcp and port 443 and dropped", "snapLen"?, "packetsMax"?, "bytesMax"?, "secondsMax"?}`',
  },
  { method: 'GET', path: 'captures', query: '', summary: 'captures of all hosts' },
  {
    method: 'GET',
    path: 'captures/{id}',
    query: '',
    summary: 'one capture: running or how it has ended',
  },
  {
    method: 'GET',
    path: 'captures/{id}/pcapng',
    query: '',
    summary:
      'its file, as it grows, until it has ended; not read for a minute a capture ends by itself',
  },
  {
    method: 'DELETE',
    path: 'captures/{id}',
    query: '',
    summary: 'end it; what it has recorded can still be read',
  },
];

export interface CaptureReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Readable;
}

type Status = Answer<'stopCapture'>;

interface Place {
  readonly host: string;
  readonly number: number;
}

const StartBody = Type.Object(
  {
    /** resourceId or instanceId. */
    nic: Type.Optional(Type.String({ maxLength: 128 })),
    host: Type.Optional(Type.String({ maxLength: 128 })),
    filter: Type.Optional(Type.Union([Type.String({ maxLength: 1024 }), Type.Object({})])),
    ...CaptureBounds,
  },
  { additionalProperties: false },
);

export class CaptureRoutes {
  readonly #context: Explained;
  readonly #clock: Clock;
  /** Captures whose file somebody is reading. */
  readonly #reading = new Set<string>();
  /** How those that were read to their end have ended, oldest first. */
  readonly #ended = new Map<string, object>();

  constructor(context: Explained, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
  }

  /** Undefined where the path is not of captures. */
  async answer(
    { method, body }: { readonly method: string; readonly body: Buffer | undefined },
    { segments }: ApiPath,
  ): Promise<CaptureReply | undefined> {
    const [first = '', id, part, ...rest] = segments;
    if (first.toLowerCase() !== 'captures' || rest.length > 0) return undefined;
    try {
      if (id === undefined) {
        if (method === 'POST') return json(await this.#start(body), 201);
        if (method === 'GET') return json(await this.#list());
        throw methodRefused(method, 'GET, POST');
      }
      if (part === undefined) {
        if (method === 'GET') return json(await this.#show(id));
        if (method === 'DELETE') return json(await this.#stop(id));
        throw methodRefused(method, 'GET, DELETE');
      }
      if (part.toLowerCase() !== 'pcapng') return undefined;
      if (method !== 'GET') throw methodRefused(method, 'GET');
      return await this.#file(id);
    } catch (thrown) {
      throw thrown instanceof QuestionFault ? northboundFault(thrown) : thrown;
    }
  }

  async #start(body: Buffer | undefined): Promise<object> {
    const request = parsed(body);
    const wrong = mismatch(StartBody, request);
    if (wrong !== undefined) throw fault('InvalidParameterValue', wrong, 'body');
    const { nic, host, filter, ...bounds } = request as Type.Static<typeof StartBody>;
    const own = filterOf(filter);
    const place = this.#placeOf(nic, host);
    const portIds = place.portId === undefined ? {} : { portIds: [place.portId] };
    const question = { filter: { ...own, ...portIds }, ...bounds };
    return this.#row(place.host, await this.#context.ask(place.host, 'startCapture', question));
  }

  #placeOf(nic: string | undefined, host: string | undefined): { host: string; portId?: string } {
    const context = this.#context;
    if ((nic === undefined) === (host === undefined)) {
      throw fault('InvalidParameterValue', 'name either a nic or a host', 'body');
    }
    if (host !== undefined) {
      const isHost = context.realised
        .targets()
        .some(({ kind, id }) => kind === 'host' && id.toLowerCase() === host.toLowerCase());
      if (!isHost) throw fault('NotFound', `there is no host '${host}'`, 'host');
      return { host: host.toLowerCase() };
    }
    const found = findInterface(context, nic ?? '');
    if (found === undefined)
      throw fault('NotFound', `there is no network interface '${nic}'`, 'nic');
    const holder = hostOf(context, found);
    if (holder !== undefined) return { host: holder, portId: found.instanceId };
    const message = `${found.ref} is attached to no host, so no switch sees its frames`;
    throw fault('ReferencedResourceNotProvisioned', message, found.ref);
  }

  async #list(): Promise<object> {
    const { answers, missing } = await askAll(this.#context, 'captures', {});
    const live = answers.flatMap(({ host, answer }) =>
      answer.captures.map((status) => this.#row(host, status)),
    );
    return { value: [...this.#ended.values(), ...live], missing };
  }

  async #show(id: string): Promise<object> {
    const ended = this.#ended.get(id);
    if (ended !== undefined) return ended;
    const { host, number } = placeIn(id);
    const { captures } = await this.#context.ask(host, 'captures', {});
    const status = captures.find((capture) => capture.id === number);
    if (status === undefined) throw unknownCapture(id);
    return this.#row(host, status);
  }

  async #stop(id: string): Promise<object> {
    const ended = this.#ended.get(id);
    if (ended !== undefined) return ended;
    const { host, number } = placeIn(id);
    return this.#row(host, await this.#context.ask(host, 'stopCapture', { id: number }));
  }

  async #file(id: string): Promise<CaptureReply> {
    const place = placeIn(id);
    if (this.#reading.has(id)) {
      throw fault('ServiceUnavailable', `somebody is reading the file of capture ${id}`, id);
    }
    this.#reading.add(id);
    let first: Answer<'readCapture'>;
    try {
      first = await this.#context.ask(place.host, 'readCapture', { id: place.number });
    } catch (thrown) {
      this.#reading.delete(id);
      throw thrown;
    }
    const body = Readable.from(this.#pieces(id, place, first), { objectMode: false });
    // Also where nobody has begun to read it.
    body.once('close', () => {
      this.#reading.delete(id);
      if (!this.#ended.has(id)) void this.#abandon(place);
    });
    return { status: 200, headers: { 'Content-Type': 'application/x-pcapng' }, body };
  }

  /** The rest of the file. Ends with an error where the host goes away: a file that looked whole would not be. */
  async *#pieces(
    id: string,
    { host, number }: Place,
    first: Answer<'readCapture'>,
  ): AsyncGenerator<Uint8Array> {
    let answer = first;
    for (;;) {
      const bytes = Buffer.from(answer.bytes, 'base64');
      if (answer.isLast) this.#remember(id, this.#row(host, answer.status));
      if (bytes.length > 0) yield bytes;
      if (answer.isLast) return;
      if (bytes.length === 0) await sleep(this.#clock, CAPTURE_POLL_INTERVAL);
      answer = await this.#context.ask(host, 'readCapture', { id: number });
    }
  }

  /** Nobody reads the capture any more. */
  async #abandon({ host, number }: Place): Promise<void> {
    try {
      await this.#context.ask(host, 'stopCapture', { id: number });
    } catch {
      // The host has gone, and the capture with it; or it ends by itself for want of a reader.
    }
  }

  #remember(id: string, row: object): void {
    this.#ended.set(id, row);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > CAPTURES_REMEMBERED_MAX && oldest !== undefined) {
      this.#ended.delete(oldest);
    }
  }

  /** As people see it; the interface by its name. */
  #row(host: string, { id, filter, ...status }: Status): object {
    const { portIds, ...rest } = filter as CaptureFilter;
    const [portId] = portIds ?? [];
    const nic = portId === undefined ? {} : { resourceRef: refOfPort(this.#context, portId) };
    return { id: `${host}.${id}`, host, ...nic, filter: rest, ...status };
  }
}

function filterOf(filter: string | object | undefined): CaptureFilter {
  const read = typeof filter === 'string' ? parseCaptureFilter(filter) : (filter ?? {});
  const wrong = typeof read === 'string' ? read : captureFilterFault(read);
  if (wrong !== undefined) throw fault('InvalidParameterValue', wrong, 'filter');
  return read as CaptureFilter;
}

function placeIn(id: string): Place {
  const [, host, number] = /^(.+)\.([0-9]{1,9})$/.exec(id) ?? [];
  if (host === undefined || number === undefined) throw unknownCapture(id);
  return { host: host.toLowerCase(), number: Number(number) };
}

function parsed(body: Buffer | undefined): unknown {
  try {
    return JSON.parse(body?.toString('utf8') ?? '');
  } catch (thrown) {
    throw fault('InvalidRequestFormat', `the body is not JSON: ${messageOf(thrown)}`);
  }
}

function json(body: object, status = 200): CaptureReply {
  return { status, headers: {}, body: JSON.stringify(body) };
}

function unknownCapture(id: string): NorthboundFault {
  return fault('NotFound', `there is no capture '${id}' (any more)`, id);
}

function northboundFault({ code, message, target }: QuestionFault): NorthboundFault {
  if (code === 'SDN_CAPTURE_UNKNOWN') return fault('NotFound', message, target);
  if (code === 'SDN_CAPTURE_FILTER' || code === 'SDN_QUESTION_INVALID') {
    return fault('InvalidParameterValue', message, target);
  }
  return fault('ServiceUnavailable', `${message} (${code})`, target);
}
