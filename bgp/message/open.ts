/**
 * OPEN — RFC 4271 §4.2, extended optional parameters RFC 9072, four-octet AS RFC 6793.
 *
 *   +-+-+-+-+-+-+-+-+
 *   |    Version    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |     My Autonomous System      |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |           Hold Time           |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                         BGP Identifier                        |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   | Opt Parm Len  |  Optional Parameters (variable): type, length, value
 *   +-+-+-+-+-+-+-+-+
 *
 * With RFC 9072 the length byte and the first type byte are both 255, a two-byte length follows, and so do two-byte parameter lengths.
 * `parse` checks what the message alone can tell (§6.2); who the peer may be is the session's question. Called by bgp/session.
 */
import { AS_TRANS } from './as-path.ts';
import * as capability from './capability.ts';
import {
  NotificationCode,
  type NotificationFault,
  notificationFault,
  OpenSubcode,
} from './notification.ts';

export interface OpenRepr {
  /** From the four-octet AS capability where there is one. */
  readonly asn: number;
  /** 0: no keepalives; else at least 3. */
  readonly holdTimeSec: number;
  /** Host order, never 0. */
  readonly bgpIdentifier: number;
  readonly capabilities: readonly capability.Capability[];
}

export type OpenResult = { readonly open: OpenRepr } | { readonly fault: NotificationFault };

const VERSION = 4;
const OPT_PARM_LEN = 9;
const PARAMETERS = 10;
const EXTENDED = 255;
const EXTENDED_PARAMETERS = 13;
const PARAMETER_CAPABILITIES = 2;
const HOLD_TIME_SEC_MIN = 3;

/** [at, end) is the body, at least ten bytes: framing has refused shorter ones. */
export function parse(view: DataView, at: number, end: number): OpenResult {
  if (view.getUint8(at) !== VERSION) {
    return fault(OpenSubcode.UnsupportedVersionNumber, Uint8Array.of(0, VERSION));
  }
  const capabilities: capability.Capability[] = [];
  const parameterFault = parseParameters(view, at, end, capabilities);
  if (parameterFault !== undefined) return { fault: parameterFault };

  const twoOctetAsn = view.getUint16(at + 1);
  const holdTimeSec = view.getUint16(at + 3);
  const bgpIdentifier = view.getUint32(at + 5);
  // RFC 5492 §4: where one is repeated, the last stands.
  const fourOctet = capabilities.findLast((entry) => entry.kind === 'four-octet-as');
  const asn = fourOctet?.asn ?? twoOctetAsn;
  if (asn === 0 || twoOctetAsn === 0 || asn === AS_TRANS) return fault(OpenSubcode.BadPeerAs);
  if (holdTimeSec > 0 && holdTimeSec < HOLD_TIME_SEC_MIN)
    return fault(OpenSubcode.UnacceptableHoldTime);
  if (bgpIdentifier === 0) return fault(OpenSubcode.BadBgpIdentifier);
  return { open: { asn, holdTimeSec, bgpIdentifier, capabilities } };
}

/** Adds to `capabilities`; returns the fault of parameters that do not add up or are unknown. */
function parseParameters(
  view: DataView,
  at: number,
  end: number,
  capabilities: capability.Capability[],
): NotificationFault | undefined {
  const shortLen = view.getUint8(at + OPT_PARM_LEN);
  // RFC 9072 §2: the first "type" byte is 255 as well, which no parameter may use.
  const isExtended =
    shortLen !== 0 &&
    end - at >= EXTENDED_PARAMETERS &&
    view.getUint8(at + PARAMETERS) === EXTENDED;
  let next = at + (isExtended ? EXTENDED_PARAMETERS : PARAMETERS);
  const declaredLen = isExtended ? view.getUint16(at + PARAMETERS + 1) : shortLen;
  if (next + declaredLen !== end) return openFault(0);
  const headerLen = isExtended ? 3 : 2;
  while (next < end) {
    if (end - next < headerLen) return openFault(0);
    const type = view.getUint8(next);
    const valueAt = next + headerLen;
    next = valueAt + (isExtended ? view.getUint16(next + 1) : view.getUint8(next + 1));
    if (next > end) return openFault(0);
    if (type !== PARAMETER_CAPABILITIES) return openFault(OpenSubcode.UnsupportedOptionalParameter);
    const parsed = capability.parseAll(view, valueAt, next);
    if (parsed === undefined) return openFault(0);
    capabilities.push(...parsed);
  }
  return undefined;
}

function openFault(subcode: number, data?: Uint8Array): NotificationFault {
  return notificationFault(NotificationCode.OpenMessage, subcode, data);
}

function fault(subcode: number, data?: Uint8Array): OpenResult {
  return { fault: openFault(subcode, data) };
}

/** The body. Every capability has a parameter of its own, which the oldest peers understand best; RFC 9072 form where needed. */
export function encode(open: OpenRepr): Uint8Array {
  const encoded = open.capabilities.map(capability.encode);
  const shortLen = encoded.reduce((sum, value) => sum + 2 + value.length, 0);
  const isExtended = shortLen > 254;
  const parameters = encoded.flatMap((value) =>
    isExtended
      ? [PARAMETER_CAPABILITIES, 0, value.length, ...value]
      : [PARAMETER_CAPABILITIES, value.length, ...value],
  );
  const lengths = isExtended
    ? [EXTENDED, EXTENDED, parameters.length >>> 8, parameters.length & 0xff]
    : [parameters.length];
  const body = new Uint8Array(OPT_PARM_LEN + lengths.length + parameters.length);
  const view = new DataView(body.buffer);
  view.setUint8(0, VERSION);
  view.setUint16(1, open.asn > 0xffff ? AS_TRANS : open.asn);
  view.setUint16(3, open.holdTimeSec);
  view.setUint32(5, open.bgpIdentifier);
  body.set(lengths, OPT_PARM_LEN);
  body.set(parameters, OPT_PARM_LEN + lengths.length);
  return body;
}
