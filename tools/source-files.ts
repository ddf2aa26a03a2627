/** The repository's own TypeScript files, for tools and tests that read them. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Of this repository, seen from the compiled tools. */
export const REPOSITORY: URL = new URL('../../', import.meta.url);

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', 'docs']);

/** Paths relative to the repository, `/` between segments, sorted. */
export function sourceFiles(options: { readonly tests: boolean }): readonly string[] {
  const root = fileURLToPath(REPOSITORY);
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .filter((name) => !NOT_OURS.has(name) && (options.tests || name !== 'test'))
    .flatMap((name) =>
      readdirSync(`${root}/${name}`, { recursive: true, encoding: 'utf8' }).map(
        (path) => `${name}/${path}`,
      ),
    )
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .sort();
}
