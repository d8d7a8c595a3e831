// SPDX-License-Identifier: Apache-2.0
import { readSync, writeSync } from "node:fs";
import * as yaml from "yaml";
import { confineProcess } from "../../bpf/libbpf-ffi/confine.ts";
import { libraryFiles } from "../../bpf/programs/library.ts";
import { renderDesired } from "../2-desired/render-desired.ts";
import { useYamlPackage } from "../2-desired/yaml-package.ts";
import { policyReader } from "../host.ts";
import { decodeQuestion, encodeAnswers, withLength } from "./messages.ts";
import { cannotStart } from "./parse-apart.ts";
import { warmUp } from "./warm-up.ts";

/**
 * The process that reads policies for the agent: one question on standard input, one answer on standard output. Before it reads the
 * question it has given up whatever could do harm; what it needs of files is loaded by then.
 */
const library = libraryFiles();
try {
  useYamlPackage(yaml);
  warmUp(policyReader, library);
  confineProcess({ memory: 2 * 2 ** 30, seconds: 60 });
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exit(cannotStart);
}

const question = readInput();
// Whoever started it has gone.
if (question.length === 0) process.exit(0);
const { snapshot, hosts } = decodeQuestion(question);
const rendered = hosts.map((host) => renderDesired({ ...policyReader, snapshot, host }));
const answer = withLength(encodeAnswers(rendered, snapshot, policyReader, library));
for (let written = 0; written < answer.length; ) written += writeSync(1, answer, written);
process.exit(0);

/** Node.js' own streams want more of the system than a plain read. */
function readInput(): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(2 ** 20);
    const length = readSync(0, part);
    if (length === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, length));
  }
}
