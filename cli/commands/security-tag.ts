/**
 * `weft security-tag`: groups of network interfaces that rules name and lists apply to (securityTags, MS-NCNBI §3.1.5.31). An interface
 * carries a tag by `weft nic set --security-tag`; a list applies by it with `weft acl set --security-tag`.
 */
import type { Command } from 'commander';
import type { Resource } from '../../fabric/northbound-client.ts';
import { lastName, listAt, nameIn, textAt } from '../fields.ts';
import { formatResource, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { create, remove, WHAT_IF, type WriteOptions } from '../writes.ts';

const COLLECTION = '/securityTags';
const path = (name: string): string => `${COLLECTION}/${name}`;

export function addSecurityTagCommands(program: Command, session: Session): void {
  const tag = program
    .command('security-tag')
    .description('groups of network interfaces for access control');
  tag
    .command('list')
    .description('all security tags, who carries them and which list applies by them')
    .action(() => list(session));
  tag
    .command('show <name>')
    .description('one security tag, and the rules that name it')
    .action((name: string) => show(session, name));
  tag
    .command('create <name>')
    .description('make a security tag; `weft nic set NIC --security-tag NAME` puts it on')
    .option('--type <text>', 'kept beside it, for programs to filter by')
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => {
      const { type } = options;
      return create(session, path(name), type === undefined ? {} : { type }, options);
    });
  tag
    .command('delete <name>')
    .description('delete a security tag; refused while an interface, rule or list uses it')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) => remove(session, path(name), options));
}

interface CreateOptions extends WriteOptions {
  readonly type?: string;
}

async function list(session: Session): Promise<void> {
  const tags = await session.northbound().list(COLLECTION);
  session.print(tags, () =>
    tags.length === 0
      ? 'No security tags. Make one: weft security-tag create NAME\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            { heading: 'TYPE', value: type },
            { heading: 'INTERFACES', value: (each) => references(each, 'networkInterfaces') },
            { heading: 'ACL', value: acl },
            ...STATE_COLUMNS.slice(0, 1),
          ],
          tags,
        ),
  );
}

async function show(session: Session, name: string): Promise<void> {
  const tag = await session.northbound().get(path(name));
  session.print(tag, () =>
    formatResource(tag, [
      ['name', tag.resourceId],
      ['type', type(tag)],
      ['interfaces', references(tag, 'networkInterfaces')],
      ['acl', acl(tag)],
      ['source of', rules(tag, 'aclRulesAsSource')],
      ['destination of', rules(tag, 'aclRulesAsDestination')],
    ]),
  );
}

function type(tag: unknown): string {
  return textAt(tag, 'properties', 'type');
}

function acl(tag: unknown): string {
  return lastName(textAt(tag, 'properties', 'accessControlList', 'resourceRef'));
}

function references(tag: unknown, property: string): string {
  return listAt(tag, 'properties', property)
    .map((each) => lastName(textAt(each, 'resourceRef')))
    .join(', ');
}

/** `LIST/RULE` */
function rules(tag: unknown, property: string): string {
  return listAt(tag, 'properties', property)
    .map((each) => textAt(each, 'resourceRef'))
    .map((ref) => `${nameIn(ref, 'accessControlLists')}/${lastName(ref)}`)
    .join(', ');
}
