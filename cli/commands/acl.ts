/**
 * `weft acl`: access control lists and their rules (MS-NCNBI §3.1.5.1). A list applies where `weft subnet set` or `weft nic set` puts it,
 * and to every interface with a security tag that `weft acl set` names. Of each direction the rule with the lowest priority that matches decides, else the default: `show` prints them in that order.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Resource } from '../../fabric/northbound-client.ts';
import { countOption, listOption } from '../arguments.ts';
import { UsageFault } from '../fault-report.ts';
import { type Json, lastName, listAt, textAt } from '../fields.ts';
import { formatResource, inline, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable, printable } from '../table.ts';
import { userNames } from '../users.ts';
import {
  change,
  create,
  referenceList,
  remove,
  requireSomething,
  WHAT_IF,
  type WriteOptions,
} from '../writes.ts';

const COLLECTION = '/accessControlLists';
const path = (list: string): string => `${COLLECTION}/${list}`;
const rulePath = (list: string, rule: string): string => `${path(list)}/aclRules/${rule}`;

const PROTOCOLS: Readonly<Record<string, string>> = {
  tcp: 'TCP',
  udp: 'UDP',
  icmpv4: 'ICMPv4',
  icmpv6: 'ICMPv6',
  all: 'All',
};
/** How a security tag is told from a prefix and from a tag of the platform. */
const SECURITY_TAG = 'tag:';

export function addAclCommands(program: Command, session: Session): void {
  const acl = program.command('acl').description('access control lists: which packets may pass');
  acl
    .command('list')
    .description('all access control lists, and what uses them')
    .action(() => list(session));
  acl
    .command('show <name>')
    .description('one list with its rules, in the order in which they are tried')
    .action((name: string) => show(session, name));
  acl
    .command('create <name>')
    .description('make an access control list without rules')
    .addOption(defaultOption('--inbound-default <action>', 'packets to the VM'))
    .addOption(defaultOption('--outbound-default <action>', 'packets from the VM'))
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => createList(session, name, options));
  acl
    .command('set <name>')
    .description('apply a list by security tags, or change its defaults')
    .option(
      '--security-tag <name>',
      'applies to every interface with it; none: by no tag; those not named are taken off (repeatable)',
      listOption,
    )
    .addOption(defaultOption('--inbound-default <action>', 'packets to the VM'))
    .addOption(defaultOption('--outbound-default <action>', 'packets from the VM'))
    .option(...WHAT_IF)
    .action((name: string, options: SetOptions) => set(session, name, options));
  acl
    .command('delete <name>')
    .description('delete an access control list; refused while something uses it')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) => remove(session, path(name), options));
  addRuleCommands(acl, session);
}

function addRuleCommands(acl: Command, session: Session): void {
  const rule = acl.command('rule').description('rules of an access control list');
  rule
    .command('add <list> <name>')
    .description('add a rule to a list')
    .requiredOption(
      '--priority <n>',
      '100 to 65000, unique in the list; lower is tried first',
      countOption,
    )
    .addOption(wordOption('--direction <direction>', 'as the VM sees it', ['inbound', 'outbound']))
    .addOption(wordOption('--action <action>', 'what becomes of the packets', ['allow', 'deny']))
    .addOption(wordOption('--protocol <protocol>', 'of the packets', Object.keys(PROTOCOLS)))
    .option('--from <addresses>', ADDRESSES, addressesOption, '*')
    .option('--from-port <ports>', 'source ports: 80,8000-8080, or *', '*')
    .option('--to <addresses>', 'as --from', addressesOption, '*')
    .option('--to-port <ports>', 'destination ports, as --from-port', '*')
    .option('--log', 'write the flows it decides to the flow log (default)')
    .option('--no-log', 'do not write them there')
    .option(...WHAT_IF)
    .action((list_: string, name: string, options: RuleOptions) =>
      create(session, rulePath(list_, name), ruleProperties(options), options),
    );
  rule
    .command('remove <list> <name>')
    .description('take a rule out of a list')
    .option(...WHAT_IF)
    .action((list_: string, name: string, options: WriteOptions) =>
      remove(session, rulePath(list_, name), options),
    );
}

const ADDRESSES =
  'source: prefixes, addresses, VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, divided by commas; or tag:NAME; or *';

function defaultOption(flags: string, packets: string): Option {
  return new Option(flags, `${packets} that no rule matches (default: permit)`).choices([
    'permit',
    'deny',
  ]);
}

function wordOption(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words).makeOptionMandatory();
}

/** Security tags stand alone: the API takes them or addresses for one end of a rule, not both. */
function addressesOption(text: string): string {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.some((entry) => entry === '' || entry === SECURITY_TAG)) {
    throw new InvalidArgumentError('An entry is empty.');
  }
  const tags = entries.filter((entry) => entry.startsWith(SECURITY_TAG));
  if (tags.length > 0 && tags.length < entries.length) {
    throw new InvalidArgumentError('Security tags and addresses cannot be mixed.');
  }
  return entries.join(',');
}

async function list(session: Session): Promise<void> {
  const lists = await session.northbound().list(COLLECTION);
  session.print(lists, () =>
    lists.length === 0
      ? 'No access control lists. Make one: weft acl create NAME --inbound-default deny\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            {
              heading: 'RULES',
              align: 'right',
              value: (each) => String(inline(each, 'aclRules').length),
            },
            { heading: 'INBOUND', value: (each) => defaultAction(each, 'inbound') },
            { heading: 'OUTBOUND', value: (each) => defaultAction(each, 'outbound') },
            {
              heading: 'USED BY',
              value: (each) => [...userNames(each), ...tagNames(each)].join(', '),
            },
            ...STATE_COLUMNS,
          ],
          lists,
        ),
  );
}

type Direction = 'inbound' | 'outbound';

/** Security tags that it is applied by, told from the names of interfaces and subnets. */
function tagNames(acl: unknown): readonly string[] {
  return listAt(acl, 'properties', 'securityTags').map(tagName);
}

function tagName(reference: unknown): string {
  return `${SECURITY_TAG}${lastName(textAt(reference, 'resourceRef'))}`;
}

function defaultAction(acl: unknown, direction: Direction): string {
  return textAt(acl, 'properties', `${direction}DefaultAction`);
}

async function show(session: Session, name: string): Promise<void> {
  const northbound = session.northbound();
  const acl = await northbound.get(path(name));
  if (session.json) {
    session.print(acl, () => '');
    return;
  }
  const counters = await northbound.ask('GET', `/networking/weft/v1${path(name)}/counters`);
  session.print(acl, () => {
    const text = formatResource(acl, [
      ['name', acl.resourceId],
      ['used by', [...userNames(acl), ...tagNames(acl)].join(', ')],
    ]);
    const tables = (['inbound', 'outbound'] as const).map(
      (direction) =>
        `\n${direction}:\n${formatTable(RULE_COLUMNS, evaluation(acl, direction, counters))}`,
    );
    const gaps = listAt(counters, 'missing').map(
      (each) =>
        `\n${printable(textAt(each, 'host'))} did not answer: ${printable(textAt(each, 'reason'))}\n`,
    );
    return [text, ...tables, ...gaps].join('');
  });
}

/** A rule, or what holds when none matches. */
type Line = ({ readonly rule: Json } | { readonly defaultAction: string }) & {
  /** Over all hosts. */
  readonly decisions: string;
};

/** What is tried, first to last; the default is always the last. */
function evaluation(acl: unknown, direction: Direction, counters: unknown): Line[] {
  const counted = listAt(counters, 'value').filter((row) => textAt(row, 'direction') === direction);
  const decisionsOf = (isWanted: (row: unknown) => boolean) =>
    textAt(counted.find(isWanted), 'decisions');
  const rules = inline(acl, 'aclRules')
    .filter((rule) => textAt(rule, 'properties', 'type').toLowerCase() === direction)
    .sort((a, b) => priority(a) - priority(b));
  // The API says Permit of a list and Allow of a rule; in one column the same is one word.
  const permits = defaultAction(acl, direction).toLowerCase() !== 'deny';
  const last = {
    defaultAction: permits ? 'Allow' : 'Deny',
    decisions: decisionsOf((row) => textAt(row, 'isDefault') === 'true'),
  };
  const lines = rules.map((rule) => ({
    rule,
    decisions: decisionsOf((row) => textAt(row, 'resourceRef') === textAt(rule, 'resourceRef')),
  }));
  return [...lines, last];
}

function priority(rule: unknown): number {
  return Number(textAt(rule, 'properties', 'priority'));
}

const RULE_COLUMNS: readonly Column<Line>[] = [
  { heading: 'PRIORITY', align: 'right', value: (line) => ruleText(line, 'priority') || 'default' },
  { heading: 'RULE', value: (line) => ('rule' in line ? textAt(line.rule, 'resourceId') : '') },
  {
    heading: 'ACTION',
    value: (line) => ('rule' in line ? ruleText(line, 'action') : line.defaultAction),
  },
  { heading: 'PROTOCOL', value: (line) => ruleText(line, 'protocol') },
  { heading: 'FROM', value: (line) => endOf(line, 'source') },
  { heading: 'FROM PORT', value: (line) => ruleText(line, 'sourcePortRange') },
  { heading: 'TO', value: (line) => endOf(line, 'destination') },
  { heading: 'TO PORT', value: (line) => ruleText(line, 'destinationPortRange') },
  { heading: 'LOG', value: (line) => ruleText(line, 'logging') },
  { heading: 'DECISIONS', align: 'right', value: ({ decisions }) => decisions },
];

function ruleText(line: Line, property: string): string {
  return 'rule' in line ? textAt(line.rule, 'properties', property) : '';
}

function endOf(line: Line, end: 'source' | 'destination'): string {
  const addresses = ruleText(line, `${end}AddressPrefix`);
  if (addresses !== '' || !('rule' in line)) return addresses;
  return listAt(line.rule, 'properties', `${end}SecurityTags`).map(tagName).join(', ');
}

interface CreateOptions extends WriteOptions {
  readonly inboundDefault?: string;
  readonly outboundDefault?: string;
}

function createList(session: Session, name: string, options: CreateOptions): Promise<void> {
  return create(session, path(name), defaultActions(options), options);
}

function defaultActions({ inboundDefault, outboundDefault }: CreateOptions): Json {
  return {
    ...(inboundDefault !== undefined && { inboundDefaultAction: capitalised(inboundDefault) }),
    ...(outboundDefault !== undefined && { outboundDefaultAction: capitalised(outboundDefault) }),
  };
}

interface SetOptions extends CreateOptions {
  readonly securityTag?: readonly string[];
}

/** Its rules go back with it: what a PUT leaves out is deleted. */
async function set(session: Session, name: string, options: SetOptions): Promise<void> {
  const { whatIf: _asked, ...settings } = options;
  requireSomething(settings, '--security-tag, --inbound-default, --outbound-default');
  const { securityTag } = options;
  const tags = securityTag && { securityTags: referenceList('securityTags', securityTag) };
  await change(session, path(name), options, (properties) => ({
    ...properties,
    ...defaultActions(options),
    ...tags,
  }));
}

interface RuleOptions extends WriteOptions {
  readonly priority: number;
  readonly direction: string;
  readonly action: string;
  readonly protocol: string;
  readonly from: string;
  readonly fromPort: string;
  readonly to: string;
  readonly toPort: string;
  readonly log?: boolean;
}

function ruleProperties(options: RuleOptions): Json {
  const { priority: rank, direction, action, protocol, log } = options;
  const isPortless = protocol.startsWith('icmp');
  if (isPortless && (options.fromPort !== '*' || options.toPort !== '*')) {
    throw new UsageFault(`${protocol} has no ports`, 'Leave --from-port and --to-port out.');
  }
  return {
    type: capitalised(direction),
    action: capitalised(action),
    protocol: PROTOCOLS[protocol],
    priority: rank,
    ...ruleEnd('source', options.from),
    sourcePortRange: options.fromPort,
    ...ruleEnd('destination', options.to),
    destinationPortRange: options.toPort,
    ...(log !== undefined && { logging: log ? 'Enabled' : 'Disabled' }),
  };
}

function ruleEnd(end: 'source' | 'destination', text: string): Json {
  if (!text.startsWith(SECURITY_TAG)) return { [`${end}AddressPrefix`]: text };
  const tags = text.split(',').map((entry) => entry.slice(SECURITY_TAG.length));
  return {
    [`${end}SecurityTags`]: tags.map((tag) => ({ resourceRef: `/securityTags/${tag}` })),
  };
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
