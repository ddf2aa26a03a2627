/**
 * cpio archives in the "newc" format: what the Linux kernel unpacks as an initramfs (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Writing only, and only what an initramfs needs: directories, files, symbolic links and character devices,
 * all owned by root, all with time 0 so that equal input gives equal bytes. Archives may be concatenated: the kernel unpacks one
 * after another, and a later file replaces an earlier one of the same path.
 *
 *   "070701" | 13 fields of 8 hexadecimal digits | path NUL, padded to 4 | content, padded to 4
 *
 * Called by guest-image (the base archive) and guest (the archive with one VM's settings).
 */

export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: Uint8Array;
      readonly executable: boolean;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const ALIGN = 4;
const encoder = new TextEncoder();

/** The archive of `entries`, in their order: a directory comes before what it holds. */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    parts.push(...member(entry, index + 1));
  });
  parts.push(...record({ path: TRAILER, inode: 0, mode: 0, content: new Uint8Array(0) }));
  return Uint8Array.from(Buffer.concat(parts));
}

function member(entry: CpioEntry, inode: number): Uint8Array[] {
  const { path } = entry;
  const nothing = new Uint8Array(0);
  switch (entry.kind) {
    case 'directory':
      return record({ path, inode, mode: 0o040755, content: nothing });
    case 'file':
      return record({
        path,
        inode,
        mode: entry.executable ? 0o100755 : 0o100644,
        content: entry.content,
      });
    case 'link':
      return record({ path, inode, mode: 0o120777, content: encoder.encode(entry.target) });
    case 'device':
      return record({
        path,
        inode,
        mode: 0o020600,
        content: nothing,
        device: { major: entry.major, minor: entry.minor },
      });
  }
}

function record(options: {
  readonly path: string;
  readonly inode: number;
  readonly mode: number;
  readonly content: Uint8Array;
  readonly device?: { readonly major: number; readonly minor: number };
}): Uint8Array[] {
  const name = encoder.encode(`${options.path}\0`);
  const fields = [
    options.inode,
    options.mode,
    0, // uid
    0, // gid
    options.mode >= 0o040000 && options.mode < 0o050000 ? 2 : 1, // links
    0, // modification time
    options.content.length,
    0, // device that holds the file
    0,
    options.device?.major ?? 0,
    options.device?.minor ?? 0,
    name.length,
    0, // checksum: none in this format
  ];
  const header = encoder.encode(
    MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''),
  );
  return [
    header,
    name,
    padding(header.length + name.length),
    options.content,
    padding(options.content.length),
  ];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGN - (length % ALIGN)) % ALIGN);
}
