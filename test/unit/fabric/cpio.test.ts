/** fabric/qemu/cpio: what the kernel's initramfs unpacker will read. */
import test from 'ava';
import fc from 'fast-check';
import { cpioArchive } from '../../../fabric/qemu/cpio.ts';

interface Member {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** An independent reader of the format, as strict as the kernel's. */
function read(archive: Uint8Array): Member[] {
  const members: Member[] = [];
  const text = new TextDecoder('latin1');
  for (let at = 0; ; ) {
    if (text.decode(archive.slice(at, at + 6)) !== '070701') throw new Error(`no magic at ${at}`);
    const field = (index: number): number =>
      Number.parseInt(text.decode(archive.slice(at + 6 + index * 8, at + 14 + index * 8)), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const path = new TextDecoder().decode(archive.slice(at + 110, at + 110 + nameSize - 1));
    if (archive[at + 110 + nameSize - 1] !== 0) throw new Error('name does not end in NUL');
    const contentAt = Math.ceil((at + 110 + nameSize) / 4) * 4;
    const content = archive.slice(contentAt, contentAt + size);
    at = Math.ceil((contentAt + size) / 4) * 4;
    if (path === 'TRAILER!!!') {
      if (at !== archive.length) throw new Error('bytes after the trailer');
      return members;
    }
    members.push({ path, mode, content });
  }
}

test('a file comes back with its path, mode and every byte, whatever its length', (t) => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9/]{0,40}$/),
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      (path, content, executable) => {
        const [file] = read(cpioArchive([{ kind: 'file', path, content, executable }]));
        return (
          file?.path === path &&
          file.mode === (executable ? 0o100755 : 0o100644) &&
          Buffer.compare(file.content, content) === 0
        );
      },
    ),
  );
  t.pass();
});

test('directories, links and devices keep their order and kind', (t) => {
  const members = read(
    cpioArchive([
      { kind: 'directory', path: 'dev' },
      { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
      { kind: 'link', path: 'bin', target: 'usr/bin' },
    ]),
  );
  t.deepEqual(
    members.map(({ path, mode }) => [path, mode.toString(8)]),
    [
      ['dev', '40755'],
      ['dev/console', '20600'],
      ['bin', '120777'],
    ],
  );
  t.is(new TextDecoder().decode(members[2]?.content), 'usr/bin');
});

test('an empty archive is a trailer and nothing else', (t) => {
  t.deepEqual(read(cpioArchive([])), []);
});
