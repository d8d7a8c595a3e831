// SPDX-License-Identifier: Apache-2.0
import { validatorOf } from "../../schemas/validator.ts";
import { renderDesired } from "../2-desired/render-desired.ts";
import type { PolicyReader } from "../host.ts";

const good = `apiVersion: sluice/v1
interface: eth0
xdp:
  chain:
    - name: web
      match: tcp port 80
      verdict: pass
    - name: block
      uses: acl
      with: { rules: [{ src: 192.0.2.0/24, action: drop }] }
`;
/** Neither the fast reader nor the whole one takes it. */
const bad = "interface: [eth0\n";
const wrong = `${good.replace("tcp port", "tcp prt")}unknown: &anchor { a: b }\n`;
const tests = "apiVersion: sluice/v1\ntests: [{}]\n";

/** Loads what is only loaded when it is first needed: parsers, schemas, libraries, every filter. */
export function warmUp(reader: PolicyReader, library: readonly string[]): void {
  for (const text of [good, bad, wrong]) {
    const files = new Map([
      ["interfaces/warm-up.yaml", Buffer.from(text)],
      ["tests/warm-up.yaml", Buffer.from(tests)],
    ]);
    const revision = { name: "warm-up", commit: null, author: null, subject: null, committed: null };
    renderDesired({ ...reader, snapshot: { revision, files }, host: "warm-up" });
  }
  for (const file of library) reader.openObject(reader.libraryObject(file));
  for (const { schema } of reader.library) validatorOf(schema);
}
