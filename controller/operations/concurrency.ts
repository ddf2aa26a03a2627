/**
 * Which operations may run together in one resource tree — MS-NCNBI §1.3.3.1 — as a pure function of what runs and what is asked.
 *
 * A write may cancel: PUT and DELETE of a descendant; PUT of itself; PUT of an ancestor. A DELETE may cancel a DELETE of itself too.
 * What it may not cancel (a DELETE of an ancestor, a PUT against a DELETE of itself, anything of a sibling) makes it wait or conflict:
 * one operation in progress per tree. §1.3.3.3's "PUT descendant in state Updating → 409" contradicts §1.3.3.1, which lets a PUT
 * cancel the PUT before it; the latter is followed.
 */

export interface OperationSubject {
  readonly id: string;
  readonly method: 'PUT' | 'DELETE';
  /** Lower-cased resourceRef. */
  readonly key: string;
}

export type Admission<T extends OperationSubject> =
  | { readonly kind: 'admitted'; readonly canceled: readonly T[] }
  | { readonly kind: 'conflict'; readonly with: T };

/** `running`: operations in progress in the tree of `asked`. */
export function admit<T extends OperationSubject>(
  running: readonly T[],
  asked: Pick<OperationSubject, 'method' | 'key'>,
): Admission<T> {
  const blocking = running.find((operation) => !mayCancel(asked, operation));
  if (blocking !== undefined) return { kind: 'conflict', with: blocking };
  return { kind: 'admitted', canceled: running };
}

function mayCancel(
  asked: Pick<OperationSubject, 'method' | 'key'>,
  running: OperationSubject,
): boolean {
  switch (relation(running.key, asked.key)) {
    case 'descendant':
      return true;
    case 'same':
      return running.method === 'PUT' || asked.method === 'DELETE';
    case 'ancestor':
      return running.method === 'PUT';
    case 'elsewhere':
      return false;
  }
}

type Relation = 'same' | 'ancestor' | 'descendant' | 'elsewhere';

/** What `key` is to `other`. */
function relation(key: string, other: string): Relation {
  if (key === other) return 'same';
  if (other.startsWith(`${key}/`)) return 'ancestor';
  return key.startsWith(`${other}/`) ? 'descendant' : 'elsewhere';
}

/** §1.3.2.6: what running operations make of the state of the resource `key`. */
export function provisioningState(
  running: readonly OperationSubject[],
  key: string,
): 'Updating' | 'Deleting' | 'Succeeded' {
  const states = running.map((operation) => stateFrom(operation, key));
  if (states.includes('Deleting')) return 'Deleting';
  return states.includes('Updating') ? 'Updating' : 'Succeeded';
}

function stateFrom(
  operation: OperationSubject,
  key: string,
): 'Updating' | 'Deleting' | 'Succeeded' {
  switch (relation(operation.key, key)) {
    case 'same':
    case 'ancestor':
      return operation.method === 'PUT' ? 'Updating' : 'Deleting';
    case 'descendant':
      return 'Updating';
    case 'elsewhere':
      return 'Succeeded';
  }
}
