// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { mostCommits } from "../../../reconciler/1-source/git-history.ts";
import type { GitVerify } from "../../../reconciler/1-source/git-verify.ts";
import { openSource } from "../../../reconciler/1-source/source.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";
import { type Fetch, type FetchingHost, fetchingHost, withoutKey } from "./fetching.ts";
import { type TestRepository, testRepository } from "./repository.ts";
import { gpgHome, type SigningKey, signers, sshKey } from "./signing.ts";

const never = new AbortController().signal;

function signedCommit(repository: TestRepository, { options }: SigningKey, content = "x"): string {
  repository.commit({ "interfaces/eth0.yaml": content });
  repository.git(...options, "commit", "--quiet", "--amend", "--no-edit", "-S");
  return repository.git("rev-parse", "HEAD");
}

/** Fetches once: the signer, or the error's code and what it says behind the commit. */
async function fetchOnce(t: ExecutionContext, { path }: TestRepository, verify: GitVerify, cache = join(temporaryFolder(t), "cache")) {
  const ref = { kind: "branch", name: "main" } as const;
  const source = openSource({ kind: "git", repository: path, ref, path: "", cache, timeoutMilliseconds: 20_000, verify });
  try {
    const fetched = await source.fetch(never);
    return { signer: fetched.revision.signer, files: (await source.snapshot(fetched, never)).files.size };
  } catch (error) {
    if (!(error instanceof ReconcilerError)) throw error;
    return { code: error.code, message: withoutKey(error.message.replace(/commit [0-9a-f]{12}/, "commit C")) };
  } finally {
    await source.close();
  }
}

const unverified = (reason: string) => ({ code: "source-unverified", message: `Cannot accept commit C: ${reason}` });
const unsigned = unverified("it has no signature that this host can check");
const bad = unverified("its signature is not of this commit, or the key is for something else");
const stranger = unverified("its signature is by a key that this host does not know (K)");

test("a commit that is signed by one of our ssh keys is taken, and says by whom", async (t) => {
  const repository = testRepository(t);
  const key = sshKey(t);
  signedCommit(repository, key);

  const fetched = await fetchOnce(t, repository, signers(t, `alice@example.net ${key.publicKey}`));

  t.is(fetched.files, 1);
  t.regex(fetched.signer ?? "", /^alice@example\.net \(SHA256:[A-Za-z0-9+/]{43}\)$/);
});

test("a commit that nobody signed, or a stranger did, is refused, also by a process that finds it fetched already", async (t) => {
  const repository = testRepository(t);
  const [ours, theirs] = [sshKey(t), sshKey(t)];
  const verify = signers(t, `alice@example.net ${ours.publicKey}`);
  const cache = join(temporaryFolder(t), "cache");
  repository.commit({ a: "1" });

  t.deepEqual(await fetchOnce(t, repository, verify, cache), unsigned);
  t.deepEqual(await fetchOnce(t, repository, verify, cache), unsigned);
  signedCommit(repository, theirs);
  t.deepEqual(await fetchOnce(t, repository, verify, cache), stranger);
  t.deepEqual(await fetchOnce(t, repository, {}, cache), stranger);
  signedCommit(repository, ours, "y");
  t.regex((await fetchOnce(t, repository, verify, cache)).signer ?? "", /^alice/);
});

test("a signature of something else, and a header that only looks like one, prove nothing", async (t) => {
  const repository = testRepository(t);
  const key = sshKey(t);
  const verify = signers(t, `alice@example.net ${key.publicKey}`);
  signedCommit(repository, key);
  const signed = repository.git("cat-file", "commit", "HEAD");
  const put = (content: string) => {
    const file = join(temporaryFolder(t), "commit");
    writeFileSync(file, content);
    repository.git("update-ref", "refs/heads/main", repository.git("hash-object", "-t", "commit", "-w", file));
  };

  put(`${signed.replace("\n\nchange", "\n\nchange it all")}\n`);
  t.deepEqual(await fetchOnce(t, repository, verify), bad);
  put(`${signed.replace(/\ngpgsig [^]*?-----END SSH SIGNATURE-----/, "\ngpgsig trust me")}\n`);
  t.not((await fetchOnce(t, repository, verify)).code, undefined);
});

test("keys and settings in the repository, or for another purpose, change nothing", async (t) => {
  const repository = testRepository(t);
  const [ours, theirs] = [sshKey(t), sshKey(t)];
  const verify = signers(t, `alice@example.net ${ours.publicKey}`);
  writeFileSync(join(repository.path, "allowed_signers"), `* ${theirs.publicKey}\n`);
  repository.git("config", "gpg.ssh.allowedSignersFile", join(repository.path, "allowed_signers"));
  signedCommit(repository, theirs);
  repository.git("config", "gpg.ssh.program", "/bin/true");

  t.deepEqual(await fetchOnce(t, repository, verify), stranger);
  t.deepEqual(await fetchOnce(t, repository, signers(t, `alice@example.net namespaces="file" ${theirs.publicKey}`)), bad);
});

test("a signature by a key that has expired or was revoked is none, however old the commit says it is", async (t) => {
  const repository = testRepository(t);
  const gpg = gpgHome(t);
  const old = gpg.addKey("old", "seconds=2");
  const gone = gpg.addKey("gone");
  const now = new Date();
  signedCommit(repository, old);
  await wait(Math.max(0, 3_000 - (Date.now() - now.getTime())));
  const keyring = gpg.keyring("old");

  t.deepEqual(await fetchOnce(t, repository, { keyring }), unverified("its signature is by a key that has expired (K)"));

  signedCommit(repository, gone, "y");
  t.regex((await fetchOnce(t, repository, { keyring: gpg.keyring("gone") })).signer ?? "", /^gone/);
  gpg.revoke("gone");
  t.deepEqual(
    await fetchOnce(t, repository, { keyring: gpg.keyring("gone") }),
    unverified("its signature is by a key that was revoked (K)"),
  );
});

test("a key that ends is refused as such, because a commit says itself when it was made", async (t) => {
  const repository = testRepository(t);
  const key = sshKey(t);
  signedCommit(repository, key);
  const verify = signers(t, `alice@example.net valid-before="20200101" ${key.publicKey}`);

  const { code, message } = await fetchOnce(t, repository, verify);

  t.is(code, "source-refused");
  t.regex(
    message ?? "",
    /^Cannot use the signers of ".*": line 1 has "valid-before", which does not hold for commits that say they are older$/,
  );
  const later = signers(t, `alice@example.net valid-after="20990101" ${key.publicKey}`);
  t.regex((await fetchOnce(t, repository, later)).message ?? "", /line 1 has "valid-after", .* for commits that say they are newer$/);
  const authority = signers(t, "# valid-before is not for us", `* cert-authority ${key.publicKey}`);
  t.regex(
    (await fetchOnce(t, repository, authority)).message ?? "",
    /line 2 has "cert-authority", whose certificates stay good for commits that say they are older$/,
  );
  t.regex((await fetchOnce(t, repository, signers(t, "# no valid-before", `a ${key.publicKey}`))).signer ?? "", /^a /);
  t.is((await fetchOnce(t, repository, { allowedSigners: "/nowhere/signers" })).code, "source-refused");
});

test("an OpenPGP key of our keyring is taken, one that is not in it is not", async (t) => {
  const repository = testRepository(t);
  const gpg = gpgHome(t);
  const keys = { alice: gpg.addKey("alice"), mallory: gpg.addKey("mallory") };
  const keyring = gpg.keyring("alice");
  const sign = (by: "alice" | "mallory") => signedCommit(repository, keys[by], by);

  sign("alice");
  t.regex((await fetchOnce(t, repository, { keyring })).signer ?? "", /^alice <alice@example\.net> \([0-9A-F]{40}\)$/);
  t.deepEqual(await fetchOnce(t, repository, signers(t, `x ${sshKey(t).publicKey}`)), unsigned);
  sign("mallory");
  t.deepEqual(await fetchOnce(t, repository, { keyring }), stranger);
});

test("settings of the caller's environment change nothing", async (t) => {
  const repository = testRepository(t);
  const [ours, theirs] = [sshKey(t), sshKey(t)];
  signedCommit(repository, theirs);
  const { allowedSigners } = signers(t, `* ${theirs.publicKey}`);
  const hostile = {
    GIT_CONFIG_COUNT: "2",
    GIT_CONFIG_KEY_0: "gpg.ssh.allowedSignersFile",
    GIT_CONFIG_VALUE_0: allowedSigners,
    GIT_CONFIG_KEY_1: "gpg.minTrustLevel",
    GIT_CONFIG_VALUE_1: "undefined",
    GIT_CONFIG_PARAMETERS: `'gpg.ssh.allowedSignersFile=${allowedSigners}'`,
    GIT_DIR: repository.path,
    GNUPGHOME: "/nowhere",
  };
  Object.assign(process.env, hostile);
  try {
    t.deepEqual(await fetchOnce(t, repository, signers(t, `alice ${ours.publicKey}`)), stranger);
  } finally {
    for (const name of Object.keys(hostile)) Reflect.deleteProperty(process.env, name);
  }
});

/** Makes a signed tag; everything but its name is as git does it. */
function signedTag({ git }: TestRepository, key: SigningKey, name: string, at = "HEAD"): void {
  git("-c", "advice.nestedTag=false", ...key.options, "tag", "--sign", "--force", "--message", "go", name, at);
}

function tagHost(t: ExecutionContext, { path }: TestRepository, verify: GitVerify): FetchingHost {
  return fetchingHost(t, path, { ref: { kind: "tag", name: "live" }, verify: { ...verify, mode: "tag" }, forcePush: "alert" });
}

const badTag = (reason: string): Fetch => ({ code: "source-unverified", message: `Cannot accept tag "live": ${reason}` });
const noGoodSignature = badTag("it has no good signature by a key that this host knows");

test("mode tag: the tag is signed, by ssh or OpenPGP, and the commit need not be", async (t) => {
  const repository = testRepository(t);
  const gpg = gpgHome(t);
  const [ssh, pgp] = [sshKey(t), gpg.addKey("alice")];
  const host = tagHost(t, repository, { ...signers(t, `alice@example.net ${ssh.publicKey}`), keyring: gpg.keyring("alice") });
  repository.commit({ a: "1" });

  signedTag(repository, ssh, "live");
  t.regex((await host.fetch()).revision?.signer ?? "", /^alice@example\.net \(SHA256:[A-Za-z0-9+/]{43}\)$/);
  repository.commit({ a: "2" });
  signedTag(repository, pgp, "live");
  t.regex((await host.fetch()).revision?.signer ?? "", /^alice <alice@example\.net> \([0-9A-F]{40}\)$/);
});

test("mode tag: no signature, a stranger's, a name without a tag, another tag's name, a tag of a tag: all refused", async (t) => {
  const repository = testRepository(t);
  const { git } = repository;
  const [ours, theirs] = [sshKey(t), sshKey(t)];
  const host = tagHost(t, repository, signers(t, `alice ${ours.publicKey}`));
  // What is not asked for: a good commit helps no bad tag.
  signedCommit(repository, ours);

  git("tag", "live");
  t.deepEqual(await host.fetch(), badTag("it is only a name for a commit, which nobody can sign"));
  git("tag", "--annotate", "--force", "--message", "go", "live", "HEAD");
  t.deepEqual(await host.fetch(), noGoodSignature);
  signedTag(repository, theirs, "live");
  t.deepEqual(await host.fetch(), noGoodSignature);
  signedTag(repository, ours, "v1");
  git("update-ref", "refs/tags/live", "refs/tags/v1");
  t.deepEqual(await host.fetch(), badTag('it was made as "tag v1", under another name'));
  signedTag(repository, ours, "live", "v1");
  t.deepEqual(await host.fetch(), badTag("it stands for another tag, and not for a commit"));
  // The same commit, now by a good tag.
  signedTag(repository, ours, "live");
  t.regex((await host.fetch()).revision?.signer ?? "", /^alice /);
});

test("mode tag: the signature of one tag is none of another, and an older tag that comes back is noticed", async (t) => {
  const repository = testRepository(t);
  const { git } = repository;
  const key = sshKey(t);
  const host = tagHost(t, repository, signers(t, `alice ${key.publicKey}`));
  const first = repository.commit({ a: "1" });
  signedTag(repository, key, "live");
  const old = git("rev-parse", "refs/tags/live");
  const second = repository.commit({ a: "2" });
  const file = join(temporaryFolder(t), "tag");
  writeFileSync(file, `${git("cat-file", "tag", old).replace(first, second)}\n`);
  git("update-ref", "refs/tags/live", git("hash-object", "-t", "tag", "-w", file));

  t.deepEqual(await host.fetch(), noGoodSignature);
  signedTag(repository, key, "live");
  const { revision } = await host.fetch();
  t.is(revision?.commit, second);
  await host.apply({ name: `live@sha1:${second}`, commit: second });
  git("update-ref", "refs/tags/live", old);
  t.is((await host.fetch()).revision?.rewound, `live@sha1:${second}`);
});

test("mode tag: expired and revoked keys sign no tags", async (t) => {
  const repository = testRepository(t);
  const gpg = gpgHome(t);
  const key = gpg.addKey("gone");
  repository.commit({ a: "1" });
  signedTag(repository, key, "live");

  t.regex((await tagHost(t, repository, { keyring: gpg.keyring("gone") }).fetch()).revision?.signer ?? "", /^gone/);
  gpg.revoke("gone");
  t.deepEqual(await tagHost(t, repository, { keyring: gpg.keyring("gone") }).fetch(), noGoodSignature);
});

test("a signature that is a stranger's as well is not good, in a tag or a commit", async (t) => {
  const repository = testRepository(t);
  const gpg = gpgHome(t);
  const alice = gpg.addKey("alice");
  gpg.addKey("mallory");
  const program = alice.options.find((option) => option.startsWith("gpg.program="))?.replace("gpg.program=", "") ?? "";
  const both = join(temporaryFolder(t), "gpg");
  writeFileSync(both, `#!/bin/sh\nexec ${program} -u mallory "$@"\n`, { mode: 0o700 });
  const key = { ...alice, options: [...alice.options, "-c", `gpg.program=${both}`] };
  const keyring = gpg.keyring("alice");
  signedCommit(repository, key);

  t.is((await fetchOnce(t, repository, { keyring })).code, "source-unverified");
  signedTag(repository, key, "live");
  t.deepEqual(await tagHost(t, repository, { keyring }).fetch(), noGoodSignature);
  signedTag(repository, alice, "live");
  t.regex((await tagHost(t, repository, { keyring }).fetch()).revision?.signer ?? "", /^alice/);
});

test("mode tag is for those who follow a tag", (t) => {
  const source = { kind: "git", repository: "/srv/git", path: "", cache: null, timeoutMilliseconds: 1_000 } as const;

  for (const ref of [
    { kind: "branch", name: "main" },
    { kind: "commit", name: "0".repeat(40) },
  ] as const)
    t.throws(() => openSource({ ...source, ref, verify: { mode: "tag" } }), {
      code: "config-invalid",
      message: `Cannot check the signature of a tag: a ${ref.kind} is followed`,
    });
});

/** A host that checks all commits, and has applied the first. */
async function lineHost(t: ExecutionContext) {
  const repository = testRepository(t);
  const key = sshKey(t);
  const verify = { ...signers(t, `alice ${key.publicKey}`), mode: "commits" } as const;
  const host = fetchingHost(t, repository.path, { verify });
  const first = signedCommit(repository, key, "first");
  const { revision } = await host.fetch();
  if (revision === undefined) throw new Error("The first commit is signed");
  await host.apply(revision);
  return { repository, key, host, first, verify };
}

test("mode commits: an unsigned commit stays one, whatever is signed on top of it", async (t) => {
  const { repository, key, host } = await lineHost(t);

  for (const text of ["1", "2", "3"]) signedCommit(repository, key, text);
  t.regex((await host.fetch()).revision?.signer ?? "", /^alice /);
  repository.commit({ evil: "x" });
  signedCommit(repository, key, "on top");
  t.deepEqual(await host.fetch(), unsigned);
  t.deepEqual(await host.fetch(), unsigned);
  repository.git("reset", "--quiet", "--hard", "HEAD~2");
  signedCommit(repository, sshKey(t), "stranger");
  signedCommit(repository, key, "on top of a stranger");
  t.deepEqual(await host.fetch(), stranger);
});

test("mode commits: an unsigned merge is refused, also below signed commits; what a signed merge brings in is its signer's", async (t) => {
  const { repository, key, host, first } = await lineHost(t);
  const { git } = repository;
  git("checkout", "--quiet", "-b", "side");
  repository.commit({ b: "unsigned, on a side line" });
  git("checkout", "--quiet", "main");
  signedCommit(repository, key, "main goes on");
  const base = git("rev-parse", "HEAD");
  git(...key.options, "merge", "--quiet", "--no-ff", "--no-edit", "--gpg-sign", "side");
  t.regex((await host.fetch()).revision?.signer ?? "", /^alice /);

  git("reset", "--quiet", "--hard", base);
  git("merge", "--quiet", "--no-ff", "--no-edit", "side");
  t.deepEqual(await host.fetch(), unsigned);
  signedCommit(repository, key, "on top of the merge");
  t.deepEqual(await host.fetch(), unsigned);
  // The applied commit comes in from the side: the line of first parents is that of the stranger.
  git("checkout", "--quiet", "--orphan", "stranger");
  repository.commit({ c: "a line of its own" });
  git(...key.options, "merge", "--quiet", "--no-ff", "--no-edit", "--gpg-sign", "--allow-unrelated-histories", "--strategy=ours", first);
  git("branch", "--force", "main");
  t.deepEqual(await host.fetch(), unsigned);
});

test("mode commits: what the applied commit holds is not asked again, where the line of first parents passes by it", async (t) => {
  const repository = testRepository(t);
  const { git } = repository;
  const key = sshKey(t);
  const verify = { ...signers(t, `alice ${key.publicKey}`), mode: "commits" } as const;
  const host = fetchingHost(t, repository.path, { verify });
  for (const text of ["1", "2"]) repository.commit({ a: text });
  const unsignedBefore = git("rev-parse", "HEAD");
  const applied = signedCommit(repository, key, "applied");
  const hosts = [host, fetchingHost(t, repository.path, { verify })];
  for (const each of hosts) {
    await each.fetch();
    await each.apply({ name: `main@sha1:${applied}`, commit: applied });
  }
  git("checkout", "--quiet", "-b", "mine", unsignedBefore);
  const signed = async () => {
    git("push", "--quiet", "--force", ".", "mine:main");
    return (await hosts.pop()?.fetch())?.revision?.signer ?? "";
  };

  // "git pull" by somebody who had committed on top of an older one: what was there becomes the second parent.
  repository.write({ b: "mine" });
  git("add", "--all");
  git(...key.options, "commit", "--quiet", "--gpg-sign", "--message", "mine");
  git(...key.options, "merge", "--quiet", "--no-ff", "--no-edit", "--gpg-sign", "main");
  t.regex(await signed(), /^alice /);
  // Rewritten: all from where the two lines parted.
  git("reset", "--quiet", "--hard", unsignedBefore);
  signedCommit(repository, key, "instead");
  t.regex(await signed(), /^alice /);
});

test("mode commits: a copied signature and a revoked key are found below a good commit", async (t) => {
  const { repository, key, host } = await lineHost(t);
  const { git } = repository;
  const base = signedCommit(repository, key, "good");
  const file = join(temporaryFolder(t), "commit");
  writeFileSync(file, `${git("cat-file", "commit", base).replace("\n\nchange", "\n\nchange it all")}\n`);
  git("reset", "--quiet", "--hard", git("hash-object", "-t", "commit", "-w", file));
  signedCommit(repository, key, "on top of a copied signature");
  t.deepEqual(await host.fetch(), bad);

  const gpg = gpgHome(t);
  const gone = gpg.addKey("gone");
  git("reset", "--quiet", "--hard", base);
  const applied = signedCommit(repository, gone, "1");
  signedCommit(repository, gone, "2");
  gpg.revoke("gone");
  signedCommit(repository, key, "on top of a revoked key");
  const verify = { ...signers(t, `alice ${key.publicKey}`), keyring: gpg.keyring("gone"), mode: "commits" } as const;
  const other = fetchingHost(t, repository.path, { verify });
  await other.apply({ name: `main@sha1:${applied}`, commit: applied });
  t.deepEqual(await other.fetch(), unverified("its signature is by a key that was revoked (K)"));
});

test("mode commits: history that is rewritten or held back hides no commit", async (t) => {
  const { repository, key, host, first, verify } = await lineHost(t);
  const { git } = repository;
  git("checkout", "--quiet", "--orphan", "other");
  repository.commit({ evil: "x" });
  signedCommit(repository, key, "on a line that never met the applied one");
  git("branch", "--force", "main");
  t.deepEqual(await host.fetch(), unsigned);

  const cut = join(temporaryFolder(t), "cut.git");
  execFileSync("git", ["clone", "--quiet", "--bare", "--depth=1", "--branch=main", `file://${repository.path}`, cut]);
  const fromCut = fetchingHost(t, cut, { verify });
  await fromCut.apply({ name: `main@sha1:${first}`, commit: first });
  t.deepEqual(await fromCut.fetch(), unverified("the repository does not have all commits before it"));
  const fresh = fetchingHost(t, cut, { verify });
  t.regex((await fresh.fetch()).revision?.signer ?? "", /^alice /);
});

test("mode commits: more commits than anybody checks are refused as such", async (t) => {
  const { repository, key, host } = await lineHost(t);
  const { git } = repository;
  const tree = git("rev-parse", "HEAD^{tree}");
  let at = git("rev-parse", "HEAD");
  for (let number = 0; number < mostCommits; number++) at = git("commit-tree", tree, "-p", at, "-m", `${number}`);
  git("update-ref", "refs/heads/main", at);
  git("reset", "--quiet", "--hard");
  signedCommit(repository, key, "newest");

  t.deepEqual(
    await host.fetch(),
    unverified(`more than ${mostCommits} commits lie between it and what was applied last, too many to check`),
  );
});
