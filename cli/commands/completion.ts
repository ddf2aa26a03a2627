/**
 * `weft completion bash|zsh`: a script for the shell's own completion, generated from the commands themselves, so it knows exactly the
 * commands and options of this version. zsh reads the bash script through bashcompinit.
 */
import { Argument, type Command } from 'commander';
import type { Session } from '../session.ts';

export function addCompletionCommand(program: Command, session: Session): void {
  program
    .command('completion')
    .description('a completion script: eval "$(weft completion bash)"')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => {
      session.shell.stdout.write(completionScript(program, shell));
    });
}

/** Every command path with the words that may follow it: subcommands, then options. */
export function completionWords(program: Command): ReadonlyMap<string, readonly string[]> {
  const globals = longOptions(program);
  const words = new Map<string, readonly string[]>();
  const visit = (command: Command, path: string): void => {
    const children = command.commands.map((child) => child.name());
    words.set(path, [...children, ...new Set([...longOptions(command), ...globals, '--help'])]);
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, '');
  return words;
}

function longOptions(command: Command): string[] {
  return command.options.flatMap((option) => (option.long === undefined ? [] : [option.long]));
}

function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const cases = [...completionWords(program)].map(
    ([path, words]) => `    '${path}') words='${words.join(' ')}' ;;`,
  );
  const loader = shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : '';
  return `${loader}_weft() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$word" in
      --) return ;;
      -*) ;;
      *) case "\${path:+$path }$word" in
           ${commandPaths(program).join('|')}) path="\${path:+$path }$word" ;;
         esac ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _weft weft
`;
}

function commandPaths(program: Command): string[] {
  return [...completionWords(program).keys()]
    .filter((path) => path !== '')
    .map((path) => `'${path}'`);
}
