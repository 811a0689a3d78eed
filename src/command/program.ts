import tab from "@bomb.sh/tab/commander";
import { Command, Option } from "commander";
import { addOperatorCommands } from "./commands/operate.js";
import { addSubmit } from "./commands/submit.js";
import { addTaskCommands } from "./commands/tasks.js";
import { addUpscale, type Run } from "./commands/upscale.js";

/** What the command line may say of how to reach the service and how to print. */
export interface GlobalOptions {
  readonly url: string;
  readonly json: boolean;
}

const DEFAULT_URL = "http://localhost:6008";

/**
 * The command line.
 *
 * @param env the process's environment; `TMLSR_URL` names the service, `TMLSR_KEY` is its key
 */
export function buildProgram(run: Run, version: string, env: NodeJS.ProcessEnv): Command {
  const program = new Command("tmlsr")
    .description("Upscales pictures and films with a TMLSR service")
    .version(version)
    .addOption(
      new Option("--url <url>", "the service, also by TMLSR_URL").default(
        env["TMLSR_URL"] ?? DEFAULT_URL,
      ),
    )
    .option("--json", "print JSON lines on a terminal too", false)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXIT_CODES)
    .showHelpAfterError("(tmlsr --help says more)");
  addUpscale(program, run);
  addSubmit(program, run);
  addTaskCommands(program, run);
  addOperatorCommands(program, run);
  tab(program);
  return program;
}

const EXIT_CODES = `
Ends with 0: done; 1: a task failed; 2: wrong command line; 3: the service does not answer;
4: the service refuses; 130: interrupted (tasks go on, run the command again to go on with them).`;
