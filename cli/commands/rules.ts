/**
 * `weft rules NIC`: the access control lists that apply to an interface, rule by rule in the order in which they are tried, and how often
 * each has decided, as the switch of the interface's host has them.
 */
import { type Command, Option } from 'commander';
import { countOption } from '../arguments.ts';
import { isObject, type Json, joinedAt, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable, printable } from '../table.ts';

export function addRuleQuestions(program: Command, session: Session): void {
  program
    .command('rules')
    .description('effective access control rules of a network interface, and what each has decided')
    .argument('<nic>', 'network interface')
    .addOption(
      new Option('--direction <direction>', 'only this one').choices(['inbound', 'outbound']),
    )
    .option('--limit <count>', 'at most so many rules', countOption)
    .action((nic: string, options: RulesOptions) => rules(session, nic, options));
}

interface RulesOptions {
  readonly direction?: 'inbound' | 'outbound';
  readonly limit?: number;
}

async function rules(session: Session, nic: string, options: RulesOptions): Promise<void> {
  const { direction, limit } = options;
  const search = new URLSearchParams({
    ...(direction !== undefined && { direction }),
    ...(limit !== undefined && { limit: String(limit) }),
  }).toString();
  const path = `/networking/weft/v1/networkInterfaces/${encodeURIComponent(nic)}/effectiveRules`;
  const body = await session.northbound().ask('GET', search === '' ? path : `${path}?${search}`);
  session.print(body, () => formatRules(body));
}

const COLUMNS: readonly Column<Json>[] = [
  { heading: 'RULE', value: (rule) => textAt(rule, 'rule') },
  { heading: 'PRIO', align: 'right', value: priorityOf },
  { heading: 'ACTION', value: (rule) => textAt(rule, 'action') },
  { heading: 'PROTOCOL', value: (rule) => joinedAt(rule, 'protocols') || '*' },
  { heading: 'SOURCE', value: (rule) => addresses(rule['source']) },
  { heading: 'PORTS', value: (rule) => joinedAt(rule, 'sourcePorts') || '*' },
  { heading: 'DESTINATION', value: (rule) => addresses(rule['destination']) },
  { heading: 'PORTS', value: (rule) => joinedAt(rule, 'destinationPorts') || '*' },
  { heading: 'LOGGED', value: (rule) => (rule['isLogged'] === true ? 'yes' : '') },
  { heading: 'DECISIONS', align: 'right', value: (rule) => textAt(rule, 'decisions') },
];

function priorityOf(rule: Json): string {
  return rule['isDefault'] === true ? '' : textAt(rule, 'priority');
}

/** Addresses that a tag stands for are shown up to this many. */
const NAMED_MAX = 3;

/** `10.0.0.0/24`; `VIRTUALNETWORK (10.0.0.0/16)`. */
function addresses(side: unknown): string {
  const name = textAt(side, 'name');
  const prefixes = listAt(side, 'prefixes').map(String);
  if (name === '*' || !name.split(' or ').some(isTag)) return name;
  const total = Number(textAt(side, 'total'));
  if (total === 0) return `${name} (nobody)`;
  const named = prefixes.slice(0, NAMED_MAX);
  const more = total - named.length;
  return `${name} (${[...named, ...(more > 0 ? [`${more} more`] : [])].join(', ')})`;
}

/** A name that says nothing of addresses. */
function isTag(term: string): boolean {
  return !/^[0-9a-f.:]+\/[0-9]+$/i.test(term) && !/^[0-9]+ more$/.test(term);
}

export function formatRules(body: unknown): string {
  const groups = listAt(body, 'value');
  return groups
    .map((group) => {
      const of = listAt(group, 'ipConfigurations').map((each) => textAt(each, 'address'));
      const title = groups.length > 1 ? `${printable(of.join(', '))}:\n\n` : '';
      return `${title}${listAt(group, 'lists').map(formatList).join('\n')}`;
    })
    .join('\n');
}

function formatList(list: unknown): string {
  const text = (name: string) => printable(textAt(list, name));
  const ref = text('resourceRef');
  const title = `${text('direction')}, ${text('level')} ${text('appliesTo')}: ${ref}`.trimEnd();
  const pending = text('pending');
  if (pending !== '') return `${title} nothing passes: ${pending}\n`;
  if (ref === '') return `${title} no list, everything passes\n`;
  const rows = listAt(list, 'rules').filter(isObject);
  const hidden = Number(text('total')) - rows.length;
  const more = hidden > 0 ? `… and ${hidden} more: --limit shows them.\n` : '';
  return `${title}\n${formatTable(COLUMNS, rows)}${more}`;
}
