#!/usr/bin/env node
/** `weft`: the process around the command line. */
import { runCommandLine } from './program.ts';
import { processShell } from './shell.ts';

// `weft flows | head` closes our output early: that is the reader's right, not a fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runCommandLine(processShell());
