// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { parseCommit } from "../../../reconciler/1-source/git-commit.ts";

const head = `tree ${"0".repeat(40)}\nauthor Zoë Doe <zoe@example.net> 1 +0000\ncommitter Bob <bob@example.net> 1763457124 +0100\n`;

const reads = test.macro<[string | Buffer, ReturnType<typeof parseCommit>]>({
  title: (about) => `parseCommit() ${about ?? ""}`,
  exec(t, content, expected) {
    const commit = parseCommit(Buffer.from(content));

    t.deepEqual(commit, expected);
  },
});

const usual = { author: "Zoë Doe", subject: "Block it", committed: "2025-11-18T09:12:04.000Z" };

test("takes author, subject and time of commit", reads, `${head}\nBlock it\n\nBecause.\n`, usual);

test("takes a first paragraph of many lines for the subject", reads, `${head}\n\nBlock \nit\n\nBecause.\n`, usual);

test(
  "is not misled by a signature or by what the message says",
  reads,
  `${head}gpgsig -----BEGIN-----\n \n author Eve <e@example.net> 2 +0000\n -----END-----\n\nBlock it\n\ncommitter Eve <e@example.net> 2 +0000\n`,
  usual,
);

test("reads the encoding that the commit names", reads, Buffer.from(`${head}encoding ISO-8859-1\n\nBlöck it\n`, "latin1"), {
  ...usual,
  subject: "Blöck it",
  author: "Zoë Doe",
});

test("takes an encoding that nobody knows for UTF-8", reads, `${head}encoding klingon\n\nBlöck it\n`, { ...usual, subject: "Blöck it" });

test("takes out what would write elsewhere on a terminal", reads, `${head}\nBlock \u001b[31mit\u202e\n`, {
  ...usual,
  subject: "Block \ufffd[31mit\ufffd",
});

test("has no time and no words where there are none", reads, `tree x\nauthor <> 1 +0000\ncommitter B <b> 99999999999999 +0000\n\n`, {
  author: "",
  subject: "",
  committed: null,
});
