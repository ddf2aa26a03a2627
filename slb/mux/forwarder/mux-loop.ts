/**
 * The forwarding loop, what the mux's worker spends its life in: exchange frames, take requests between two bursts, forward the burst. The devices
 * are opened by whoever makes the loop, so a test runs it over memory. Called by worker.ts.
 */
import { formatIpWords, type IpWords } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { answerTo, type NumberedRequest } from '../../../dataplane/port/worker-protocol.ts';
import { answerAbout } from './answers.ts';
import type { MuxConfiguration, MuxCore } from './mux-core.ts';
import type { Request, Results, WorkerMessage } from './worker-protocol.ts';

/** Opens what frames come through, on the loop's own FrameIo; throws an SdnError where the system refuses. */
export interface PortOpener {
  /** `own`: the address whose packets are the kernel's. */
  openUplink(name: string, own: IpWords): number;
  openOverlay(address: IpWords, udpPort: number): number;
}

export interface MuxLoopParts {
  readonly io: FrameIo;
  readonly core: MuxCore;
  readonly opener: PortOpener;
  takeRequests(): readonly NumberedRequest<Request>[];
  post(message: WorkerMessage): void;
}

const TICK_MS = 1000;

interface OpenPort {
  readonly device: number;
  /** What it was opened with. */
  readonly identity: string;
}

export class MuxLoop {
  readonly #parts: MuxLoopParts;
  #uplink: OpenPort | undefined;
  #overlay: OpenPort | undefined;
  #txCount = 0;
  #isRunning = true;

  constructor(parts: MuxLoopParts) {
    this.#parts = parts;
  }

  /** Runs until a request to close. */
  run(): void {
    while (this.#isRunning) this.turn();
  }

  /** One round. */
  turn(): void {
    const { io, core, post } = this.#parts;
    const received = io.exchange(this.#txCount, TICK_MS);
    this.#txCount = 0;
    // First what was received: a request may close the port that it lies in.
    this.#txCount = core.forward(received);
    for (const numbered of this.#parts.takeRequests()) {
      post(answerTo(numbered, (request) => this.#deal(request)));
    }
  }

  #deal(request: Request): Results[keyof Results] {
    const { core, io } = this.#parts;
    switch (request.kind) {
      case 'configure':
        this.#configure(request.configuration);
        return true;
      case 'apply':
        return core.apply(request.change);
      case 'ask':
        return answerAbout(core, request.question);
      case 'close':
        io.close();
        this.#isRunning = false;
        return true;
    }
  }

  /** Opens what is new before it closes what is old, so that a refusal leaves everything as it was. */
  #configure(configuration: MuxConfiguration): void {
    const { io, core, opener } = this.#parts;
    const { uplink, providerAddress, vxlanPort } = configuration;
    const address = formatIpWords(providerAddress);
    const overlay = this.#openOr(this.#overlay, `${address} ${vxlanPort}`, () =>
      opener.openOverlay(providerAddress, vxlanPort),
    );
    let link: OpenPort;
    try {
      const identity = `${uplink.name} ${uplink.mac} ${address}`;
      link = this.#openOr(this.#uplink, identity, () =>
        opener.openUplink(uplink.name, providerAddress),
      );
    } catch (thrown) {
      if (overlay !== this.#overlay) io.detach(overlay.device);
      throw thrown;
    }
    // Descriptors that wait name ports that may go.
    this.#txCount = 0;
    const closing = [this.#uplink, this.#overlay].filter(
      (before) => before !== undefined && before !== link && before !== overlay,
    );
    this.#uplink = link;
    this.#overlay = overlay;
    core.configure(configuration, link.device, overlay.device);
    for (const port of closing) io.detach(port?.device ?? NONE);
  }

  #openOr(known: OpenPort | undefined, identity: string, open: () => number): OpenPort {
    const isGone = known !== undefined && this.#parts.io.isGone(known.device);
    if (known?.identity === identity && !isGone) return known;
    return { device: open(), identity };
  }
}
