/** `weft get|put|delete PATH` and `weft what-if FILE`: any resource of the northbound API, as JSON. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../../base/errors.ts';
import { NorthboundFault } from '../../fabric/northbound-client.ts';
import { UsageFault } from '../fault-report.ts';
import { textAt } from '../fields.ts';
import { deleteResource } from '../resources.ts';
import type { Session } from '../session.ts';
import { showWhatIf } from '../what-if.ts';

export function addResourceCommands(program: Command, session: Session): void {
  program
    .command('get <path>')
    .description('any resource or collection as JSON, e.g. /virtualNetworks/blue')
    .action((path: string) => get(session, path));
  program
    .command('put <path>')
    .description('create or replace a resource from JSON, and wait until it is provisioned')
    .requiredOption('-f, --file <file>', 'file with the JSON body, - for standard input')
    .option('--if-match <etag>', 'only when the resource still has this etag')
    .option('--what-if', 'change nothing; say which flows and routes would change')
    .action((path: string, options: PutOptions) => put(session, path, options));
  program
    .command('delete <path>')
    .description('delete a resource, and wait until it is gone')
    .option('--what-if', 'change nothing; say which flows and routes would change')
    .action((path: string, options: { whatIf?: boolean }) =>
      options.whatIf === true ? showWhatIf(session, 'DELETE', path) : deleteResource(session, path),
    );
  program
    .command('what-if <file>')
    .description('which flows and routes would change if a resource were as in the file')
    .action((file: string) => whatIf(session, file));
}

async function get(session: Session, path: string): Promise<void> {
  const response = await session.northbound().raw('GET', path);
  const { status, body } = response;
  if (status < 200 || status >= 300) {
    throw new NorthboundFault(`GET ${path}`, status, {
      code: textAt(body, 'error', 'code') || 'Unknown',
      message: textAt(body, 'error', 'message') || 'no message',
    });
  }
  session.shell.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
}

interface PutOptions {
  readonly file: string;
  readonly ifMatch?: string;
  readonly whatIf?: boolean;
}

async function put(session: Session, path: string, options: PutOptions): Promise<void> {
  const body = await readBody(session, options.file);
  const { ifMatch } = options;
  if (options.whatIf === true) {
    await showWhatIf(session, 'PUT', path, { body, ...(ifMatch !== undefined && { ifMatch }) });
    return;
  }
  const put = session.northbound().put(path, body, ifMatch === undefined ? {} : { ifMatch });
  const resource = await session.waiting(`putting ${path}`, put);
  session.shell.stdout.write(`${JSON.stringify(resource, null, 2)}\n`);
}

/** The resource names itself, as one that `weft get` has printed does. */
async function whatIf(session: Session, file: string): Promise<void> {
  const body = await readBody(session, file);
  const path = textAt(body, 'resourceRef');
  if (path === '') {
    throw new UsageFault(`${file} has no resourceRef; name it: weft put PATH -f ${file} --what-if`);
  }
  await showWhatIf(session, 'PUT', path, { body });
}

async function readBody(session: Session, file: string): Promise<unknown> {
  let text: string;
  try {
    text = file === '-' ? await session.shell.readStdin() : await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageFault(`${file} cannot be read: ${messageOf(cause)}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageFault(`${file} is not JSON: ${messageOf(cause)}`);
  }
}
