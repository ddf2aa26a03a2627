/** operations and operationResults — MS-NCNBI §3.1.5.12, §3.1.5.13 — and the body of every error, §3.1.5.35. Read-only. */
import Type from 'typebox';
import { Words } from './property-types.ts';

export const OPERATION_STATUSES = ['InProgress', 'Succeeded', 'Failed', 'Canceled'] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

export const ErrorDetailSchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  target: Type.Optional(Type.String()),
});

export const ErrorSchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  target: Type.Optional(Type.String()),
  innerError: Type.Optional(Type.String()),
  details: Type.Optional(Type.Array(ErrorDetailSchema)),
});
export type ErrorContent = Type.Static<typeof ErrorSchema>;

export const ErrorBodySchema = Type.Object({ error: ErrorSchema });

export const OperationSchema = Type.Object({
  status: Words(OPERATION_STATUSES),
  error: Type.Optional(ErrorSchema),
});
