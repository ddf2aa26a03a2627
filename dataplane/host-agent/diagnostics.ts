/**
 * The host's answers to the controller's questions (schema/southbound/diagnostics): each method read, checked and answered from the switch.
 * Nothing here changes what is forwarded; a probe is forwarded as any packet is. Called by host-agent.
 */
import { SdnError } from '../../base/errors.ts';
import type { CaptureFilter } from '../../schema/southbound/diagnostics/capture.ts';
import type { PortCounters } from '../../schema/southbound/diagnostics/counters.ts';
import { CAPTURE_PIECE_BYTES_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import type { Answer, Method, Question } from '../../schema/southbound/diagnostics/methods.ts';
import { QUESTION_SHAPES } from '../../schema/southbound/diagnostics/question-shapes.ts';
import { shapeFault } from '../../schema/southbound/diagnostics/shape.ts';
import type { FlowEntry, SwitchHandle } from '../switch/switch-handle.ts';
import type { FlowsRequest } from './control-request.ts';
import type { HostCaptures } from './host-captures.ts';
import { portUnknown } from './host-fault.ts';

/** What the answers are made from. */
export interface AnsweringHost {
  readonly captures: HostCaptures;
  flowLog(question: Question<'flowLog'>): Answer<'flowLog'>;
  /** What the host's health probes have found out. */
  probes(question: Question<'probes'>): Answer<'probes'>;
  flows(request: FlowsRequest): Promise<readonly FlowEntry[]>;
  /** Of the switch. */
  switchAnswer: SwitchHandle['answer'];
  probe: SwitchHandle['probe'];
  providerPing(question: Question<'providerPing'>): Promise<Answer<'providerPing'>>;
  counters(): {
    readonly ports: readonly PortCounters[];
    readonly uplink: NonNullable<Answer<'counters'>['uplink']>;
  };
}

type Answers = {
  readonly [M in Method]: (host: AnsweringHost, question: Question<M>) => Promise<Answer<M>>;
};

const ANSWERS: Answers = {
  captures: async ({ captures }) => ({ captures: [...(await captures.list())] }),
  readCapture: async ({ captures }, { id }) => {
    const { bytes, isLast, status } = await captures.read(id, CAPTURE_PIECE_BYTES_MAX);
    return { bytes: Buffer.from(bytes).toString('base64'), isLast, status };
  },
  startCapture: ({ captures }, { filter, ...bounds }) =>
    captures.start({ filter: filter as CaptureFilter, ...bounds }),
  stopCapture: ({ captures }, { id }) => captures.stop(id),
  flowLog: async (host, question) => host.flowLog(question),
  flows: async (host, { portId, limit }) => ({
    flows: [...(await host.flows(portId === undefined ? { limit } : { portId, limit }))],
  }),
  counters: async (host, { portId }) => {
    const { ports, uplink } = host.counters();
    if (portId === undefined) return { ports: [...ports], uplink };
    const own = ports.filter((port) => port.portId === portId);
    if (own.length === 0) throw portUnknown(portId);
    return { ports: own };
  },
  effectiveRoutes: (host, question) => host.switchAnswer('effectiveRoutes', question),
  effectiveRules: (host, question) => host.switchAnswer('effectiveRules', question),
  flowVerify: (host, question) => host.switchAnswer('flowVerify', question),
  nextHop: (host, question) => host.switchAnswer('nextHop', question),
  probe: (host, question) => host.probe('probe', question),
  probeSeen: (host, question) => host.probe('probeSeen', question),
  probeWatch: (host, question) => host.probe('probeWatch', question),
  probes: async (host, question) => host.probes(question),
  ruleCounters: (host, question) => host.switchAnswer('ruleCounters', question),
  providerPing: (host, question) => host.providerPing(question),
  snat: (host, question) => host.switchAnswer('snat', question),
  trace: (host, question) => host.switchAnswer('trace', question),
  virtualAddresses: (host, question) => host.switchAnswer('virtualAddresses', question),
};

/** Rejects with an SdnError that says what is wrong with the question. */
export async function answerQuestion(
  host: AnsweringHost,
  method: string,
  question: unknown,
): Promise<unknown> {
  if (!isKnown(method)) {
    throw new SdnError('SDN_QUESTION_UNKNOWN', `this host knows no question '${method}'`, {
      remedy: 'Controller and host have different versions: update both.',
    });
  }
  return answerAs(method, host, question);
}

function isKnown(method: string): method is Method {
  return Object.hasOwn(ANSWERS, method);
}

function answerAs<M extends Method>(
  method: M,
  host: AnsweringHost,
  question: unknown,
): Promise<Answer<M>> {
  const fault = shapeFault(QUESTION_SHAPES[method], question);
  if (fault !== undefined) throw new SdnError('SDN_QUESTION_INVALID', `'${method}': ${fault}`);
  return ANSWERS[method](host, question as Question<M>);
}
