/**
 * The FrameIo suite over native-frame-io: two TAPs in a namespace, their far ends played by packet sockets on the same interfaces, that
 * is, by native-frame-io's other kind of port.
 */
import test from 'ava';
import { nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import type { Packet } from './frames.ts';
import { ip, isRoot, makeNamespace, removeNamespace } from './namespaces.ts';
import { frameIoConformance, type Harness, queue, type Received, receive } from './suite.ts';

function open(): Harness {
  const namespace = makeNamespace();
  const io = nativeFrameIo({ offload: 'on' });
  const far = nativeFrameIo({ offload: 'on' });
  const names = ['tap0', 'tap1'] as const;
  const attach = (name: string): number => io.attachTap({ name, namespace }).port;
  const ports = [attach(names[0]), attach(names[1])] as const;
  const attachFar = (name: string): number => {
    ip('-n', namespace, 'link', 'set', name, 'up');
    return far.attachNetdev({ name, namespace });
  };
  const farPorts = [attachFar(names[0]), attachFar(names[1])] as const;
  let arrived: Received[] = [];
  return {
    io,
    ports,
    send(side, frame) {
      queue(far, 0, farPorts[side], frame, far.scratchAt);
      far.exchange(1, 0);
    },
    take(side, count) {
      const isOurs = (frame: Received): boolean => frame.port === farPorts[side];
      arrived = [...arrived, ...receive(far, count - arrived.filter(isOurs).length)];
      const taken: Packet[] = arrived.filter(isOurs);
      arrived = arrived.filter((frame) => !isOurs(frame));
      return taken;
    },
    remove: (side) => ip('-n', namespace, 'link', 'del', names[side]),
    close() {
      io.close();
      far.close();
      removeNamespace(namespace);
    },
  };
}

if (isRoot) frameIoConformance(test, 'native', open);
else test.skip('FrameIo over TAP devices needs root', () => {});
