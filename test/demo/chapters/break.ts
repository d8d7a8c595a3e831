// SPDX-License-Identifier: Apache-2.0
import { during, push, type Stage } from "./stage.ts";

const file = "interfaces/eth0.yaml";

/** A commit with a mistake in it is refused, readably, and traffic does not notice. */
export async function breakPolicy(stage: Stage): Promise<void> {
  const { world, policy, tell, results } = stage;
  await tell.heading("5. A broken commit: refused, and nothing happens");
  const before = await world.running();
  const text = policy.read(file);
  policy.write(file, text.replace("file: lists/blocklist.txt }, action: drop", "file: lists/blocklist.txt }, action: dorp"));
  tell.command('git commit --all --message "Tidy up" && git push');
  const tally = await during(stage, async () => {
    const { line } = await push(stage, policy.commit("Tidy up"), "revision refused");
    tell.log(line);
    tell.command("sluice plan --dir policy");
    const { exit, output } = await world.sluice("plan", "--dir", "policy");
    tell.output(`${output.trimEnd()}\n(exit code ${exit})`);
    const isReadable = exit === 3 && output.includes(`${file}:`) && output.includes('did you mean "drop"?');
    results.expect("The error of a broken commit has place, snippet, suggestion", isReadable ? "yes" : "no", "yes", isReadable);
  });
  const after = await world.running();
  const isSame = after.program === before.program;
  results.expect("Program that runs after a broken commit", String(after.program), `still ${before.program}`, isSame);
  results.expectGuarded("Broken commit", tally);
}
