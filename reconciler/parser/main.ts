// SPDX-License-Identifier: Apache-2.0
import { buffer } from "node:stream/consumers";
import { deserialize } from "node:v8";
import { confineProcess } from "../../bpf/libbpf-ffi/confine.ts";
import { renderDesired } from "../2-desired/render-desired.ts";
import { policyReader } from "../host.ts";
import type { Question } from "./parse-apart.ts";
import { warmUp } from "./warm-up.ts";

/**
 * The process that reads a policy before the agent does: the question on standard input, and exit code 0 when it came to an end, whatever
 * is in the policy. It can do nothing to the kernel, to files or for longer than its limits say.
 */
const objects = new Map<string, Uint8Array>();
for (const { object } of policyReader.library) objects.set(object, policyReader.libraryObject(object));
const reader = { ...policyReader, libraryObject: (file: string) => objects.get(file) ?? policyReader.libraryObject(file) };
warmUp(reader);
confineProcess({ memory: 2 * 2 ** 30, seconds: 60, openFiles: 32 });

const question = deserialize(await buffer(process.stdin)) as Question;
renderDesired({ ...reader, snapshot: question.snapshot, host: question.host });
process.exit(0);
