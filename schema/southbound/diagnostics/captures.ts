/**
 * `startCapture`, `readCapture`, `stopCapture`, `captures`: packet captures of a host's switch. A capture is read in pieces until one says that
 * it was the last; one that nobody reads for a minute ends and is forgotten (dataplane/limits.ts).
 */
import Type from 'typebox';

/** CaptureStatus of capture.ts. */
const Status = Type.Object({
  id: Type.Integer(),
  filter: Type.Object({}),
  ended: Type.Optional(Type.String()),
  packets: Type.Number(),
  bytes: Type.Number(),
  lost: Type.Number(),
});

const ONE = Type.Object({ id: Type.Integer({ minimum: 0 }) }, { additionalProperties: false });
const Bound = Type.Optional(Type.Integer({ minimum: 1 }));

export const CaptureBounds = {
  /** Bytes kept of each frame. */
  snapLen: Bound,
  packetsMax: Bound,
  /** Of the file. */
  bytesMax: Bound,
  secondsMax: Bound,
};

export const StartCaptureQuestion = Type.Object(
  {
    /** CaptureFilter of capture.ts, which says what is wrong with it. */
    filter: Type.Object({}),
    ...CaptureBounds,
  },
  { additionalProperties: false },
);
export const StartCaptureAnswer = Status;

export const ReadCaptureQuestion = ONE;
export const ReadCaptureAnswer = Type.Object({
  /** Base64: a piece of a pcapng file. */
  bytes: Type.String(),
  /** True: the file is whole, and the capture forgotten. */
  isLast: Type.Boolean(),
  status: Status,
});

export const StopCaptureQuestion = ONE;
export const StopCaptureAnswer = Status;

export const CapturesQuestion = Type.Object({}, { additionalProperties: false });
export const CapturesAnswer = Type.Object({ captures: Type.Array(Status) });
