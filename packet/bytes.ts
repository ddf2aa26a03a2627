/** Copies between a view and byte arrays, for the slow path's Repr forms. */

/** A copy of [at, end). */
export function copyBytes(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

export function writeBytes(bytes: Uint8Array, view: DataView, at: number): void {
  new Uint8Array(view.buffer, view.byteOffset + at, bytes.length).set(bytes);
}
