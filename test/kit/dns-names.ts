/** Names that the test kit's resolver knows: what they are to it is said in dns-upstream.ts. */
export const FORWARDED = {
  www: 'www.example.com',
  brief: 'brief.example.com',
  large: 'large.example.com',
  silent: 'silent.example.com',
} as const;
