/** Links between the documents lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { REPOSITORY } from '../../../tools/source-files.ts';

const documents = [
  'README.md',
  ...readdirSync(new URL('docs/', REPOSITORY), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
];

/** As GitHub makes them from headings. */
function anchors(page: string): ReadonlySet<string> {
  return new Set(
    [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

for (const path of documents) {
  test(`${path}: every relative link leads to a file, and to a heading in it`, (t) => {
    const page = readFileSync(new URL(path, REPOSITORY), 'utf8');
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const dead = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [file = '', anchor] = link.split('#');
        const target = new URL(file === '' ? path : file, new URL(path, REPOSITORY));
        const found = file === '' ? new URL(path, REPOSITORY) : target;
        if (!existsSync(found)) return true;
        return anchor !== undefined && !anchors(readFileSync(found, 'utf8')).has(anchor);
      });
    t.deepEqual(dead, []);
  });
}
