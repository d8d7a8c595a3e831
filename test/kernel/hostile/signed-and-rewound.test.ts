// SPDX-License-Identifier: Apache-2.0

import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import { testRepository } from "../../reconciler/1-source/repository.ts";
import { signers, sshKey } from "../../reconciler/1-source/signing.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { startAgent } from "../acceptance/agent.ts";
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";
import { json, type Station, station } from "../cli/station.ts";

/** A repository whose commits each drop another network; `commit` signs with a key where it is given one. */
function policyRepository(t: ExecutionContext, { device }: Station) {
  const repository = testRepository(t);
  return {
    ...repository,
    drop(network: string, signing: readonly string[] = []): string {
      const files = { "interfaces/a.yaml": xdpPolicy(device, [dropsFrom("bogons", network)]) };
      repository.commit(files, `Drop ${network}`);
      if (signing.length > 0) repository.git(...signing, "commit", "--quiet", "--amend", "--no-edit", "-S");
      return repository.git("rev-parse", "HEAD");
    },
  };
}

function agentFile(t: ExecutionContext, text: string): string {
  const path = join(temporaryFolder(t), "agent.yaml");
  writeFileSync(path, `apiVersion: sluice/v1\npoll: { interval: 1s }\ndrift: { mode: "off" }\n${text}\n`);
  return path;
}

const failing = "source fails, the host keeps what it has";
const code = (line: { readonly [field: string]: unknown }) => (line["error"] as { code?: string } | undefined)?.code;

/** Names of the alerts that fire, by what is written down. */
async function firing({ sluice }: Station): Promise<readonly string[]> {
  const { firing: alerts } = json(await sluice("events", "--json")) as unknown as { readonly firing: readonly { readonly name: string }[] };
  return alerts.map(({ name }) => name);
}

kernelTest(
  "an unsigned commit is not applied, nor what is signed on top of it; the chain stays, and says who signed it",
  async (t, lab) => {
    const host = await station(t, lab);
    const programs = async () => (await lab.kernel.attached(host.device, "xdp")).map(({ programId }) => programId);
    const policy = policyRepository(t, host);
    const key = sshKey(t);
    const { allowedSigners } = signers(t, `alice@example.net ${key.publicKey}`);
    const config = agentFile(t, `verify: { allowedSigners: ${allowedSigners}, mode: commits }`);
    const signed = policy.drop("10.0.0.0/8", key.options);
    const agent = startAgent(t, host, ["--config", config, "--repo", policy.path, "--log-level", "debug"]);
    t.regex(String((await agent.told("new revision"))["signer"]), /^alice@example\.net \(SHA256:/);
    await agent.told("revision applied");
    const before = await programs();

    policy.drop("10.1.0.0/16");
    t.is(code(await agent.told(failing)), "source-unverified");
    policy.drop("10.2.0.0/16", key.options);
    // The first may have been on its way before the push.
    await agent.told(failing);
    await agent.told(failing);
    t.deepEqual(await programs(), before);
    t.deepEqual(await firing(host), ["SluiceStalled"]);
    t.regex(
      (await host.sluice("status")).out,
      /signed by alice@example\.net .*\n(?:.*\n)*.*fails: Cannot accept commit.*\n +What was applied last goes on\. Sign it with a key/,
    );
    t.regex((await host.sluice("history")).out, /signed by alice@example\.net/);
    // As somebody types it, in a folder of theirs.
    const plan = ["plan", "--repo", policy.path, "--allowed-signers", relative(host.folder, allowedSigners)];
    t.is((await host.sluice(...plan, "--verify-mode", "commits")).exit, 5);
    t.regex((await host.sluice(...plan)).out, /signed by alice@example\.net/);
    t.regex((await host.sluice(...plan, "--markdown")).out, /, signed by `alice@example\.net \(SHA256:[^`]+\)`\n/);
    t.regex(
      String((json(await host.sluice(...plan, "--json"))["revision"] as { signer?: string }).signer),
      /^alice@example\.net \(SHA256:/,
    );

    policy.git("reset", "--quiet", "--hard", signed);
    policy.drop("10.3.0.0/16", key.options);
    t.like(await agent.told("revision applied"), { subject: "Drop 10.3.0.0/16" });
    t.notDeepEqual(await programs(), before);
  },
);

kernelTest("an older signed commit that is offered again is taken without a word, with an alert, or not at all", async (t, lab) => {
  const host = await station(t, lab);
  const policy = policyRepository(t, host);
  const key = sshKey(t);
  const { allowedSigners } = signers(t, `alice@example.net ${key.publicKey}`);
  const old = policy.drop("10.0.0.0/8", key.options);
  const newer = policy.drop("10.1.0.0/16", key.options);
  const start = (forcePush: string) => {
    const config = agentFile(t, `verify: { allowedSigners: ${allowedSigners} }\nforcePush: ${forcePush}`);
    return startAgent(t, host, ["--config", config, "--repo", policy.path]);
  };
  const rewind = (commit: string) => void policy.git("reset", "--quiet", "--hard", commit);
  const running = async () => (json(await host.sluice("status", "--json"))["revision"] as { commit: string }).commit;

  const refusing = start("refuse");
  await refusing.told("revision applied");
  rewind(old);
  t.is(code(await refusing.told(failing)), "source-rewound");
  await refusing.stop();
  t.deepEqual(await firing(host), ["SluiceSourceRewound"]);

  // What was applied is known from the disk, not from the process.
  const again = start("refuse");
  t.is(code(await again.told(failing)), "source-rewound");
  t.is(await running(), newer);
  const status = (await host.sluice("status")).out;
  t.regex(status, /fails: Cannot follow branch "main": commit [0-9a-f]{12} does not go on from [0-9a-f]{12}, which was applied last/);
  const plan = await host.sluice("plan", "--repo", policy.path, "--force-push", "refuse");
  t.is(plan.exit, 5);
  t.regex(plan.err, /apply it by hand once/);
  const alerted = ["plan", "--repo", policy.path, "--force-push", "alert"];
  t.regex((await host.sluice(...alerted)).out, /! does not go on from main@sha1:[0-9a-f]{8}, which was there before/);
  t.regex((await host.sluice(...alerted, "--markdown")).out, /\*\*The branch was rewound:\*\* this does not go on from `main@sha1:/);

  // The way out that the message names.
  t.is((await host.sluice("apply", "--repo", policy.path, "--yes")).exit, 0);
  t.is(await running(), old);
  await again.told("source answers again");
  await again.told("nothing to change");
  await again.stop();
  t.deepEqual(await firing(host), []);

  rewind(newer);
  const alerting = start("alert");
  await alerting.told("revision applied");
  rewind(old);
  t.like(await alerting.told("new revision does not go on from the one before"), { before: `main@sha1:${newer}` });
  await alerting.told("revision applied");
  await alerting.stop();
  t.deepEqual(await firing(host), ["SluiceSourceRewound"]);
  t.regex((await host.sluice("status")).out, /does not go on from main@[0-9a-f]{8}, which was there before/);
  const { entries } = json(await host.sluice("history", "--json")) as unknown as { readonly entries: readonly object[] };
  t.like(entries[0], { result: "applied", revision: `main@sha1:${old}`, rewound: `main@sha1:${newer}` });
  t.regex(String((entries[0] as { signer?: string }).signer), /^alice@example\.net \(SHA256:/);
  const still = start("alert");
  await still.told("nothing to change");
  policy.drop("10.4.0.0/16", key.options);
  await still.told("revision applied");
  await still.stop();
  t.deepEqual(await firing(host), []);

  // A newer one that was verified and not applied: the policy in it is wrong.
  const applied = await running();
  const wary = start("refuse");
  await wary.told("nothing to change");
  policy.commit({ "interfaces/a.yaml": "interface: [" }, "Break it");
  policy.git(...key.options, "commit", "--quiet", "--amend", "--no-edit", "-S");
  const broken = policy.git("rev-parse", "HEAD");
  await wary.told("revision refused");
  rewind(applied);
  t.is(code(await wary.told(failing)), "source-rewound");
  await wary.stop();
  t.deepEqual(await firing(host), ["SluiceSourceRewound", "SluicePassFailed"]);
  t.regex((await host.sluice("plan", "--repo", policy.path, "--force-push", "refuse")).err, /, which was there before/);
  // Nothing changes, but somebody has decided.
  t.is((await host.sluice("apply", "--repo", policy.path, "--yes")).exit, 0);
  const decided = start("refuse");
  await decided.told("nothing to change");
  t.is(await running(), applied);
  rewind(broken);
  await decided.told("revision refused");
  await decided.stop();
  rewind(applied);
  t.is((await host.sluice("apply", "--repo", policy.path, "--yes")).exit, 0);

  const following = start("follow");
  await following.told("nothing to change");
  rewind(old);
  await following.told("revision applied");
  await following.stop();
  t.deepEqual(await firing(host), []);
  t.is(await running(), old);
});
