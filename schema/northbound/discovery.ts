/** discovery: which versions of the API are served — MS-NCNBI §3.1.5.30, §1.7. The only path without a version token. */
import Type from 'typebox';

/** Version tokens of the path, lower-case; the last is preferred. */
export const REST_VERSIONS = [
  'v1',
  'v2',
  'v3',
  'v3.1',
  'v3.2',
  'v4',
  'v4.2',
  'v5',
  'v6',
  'v6.1',
  'v7',
  'v7.1',
] as const;

export const DiscoverySchema = Type.Object({
  networkControllerVersion: Type.String(),
  supportedRestVersions: Type.Array(Type.String()),
  currentRestVersion: Type.String(),
});
