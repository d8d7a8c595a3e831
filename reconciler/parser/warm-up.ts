// SPDX-License-Identifier: Apache-2.0
import { renderDesired } from "../2-desired/render-desired.ts";
import type { PolicyReader } from "../host.ts";

const good = `
interface: eth0
xdp:
  - name: web
    match: tcp port 80
    verdict: pass
  - name: block
    filter: acl
    rules: [{ action: drop, source: [192.0.2.0/24] }]
`;
const bad = "interface: [eth0\n";

/** Loads what is only loaded when it is first needed: parsers, schemas, libraries. */
export function warmUp(reader: PolicyReader): void {
  const files = new Map([good, bad].map((text, index) => [`policy-${index}.yaml`, Buffer.from(text)]));
  const revision = { name: "warm-up", commit: null, author: null, subject: null, committed: null };
  renderDesired({ ...reader, snapshot: { revision, files }, host: "warm-up" });
  for (const { object } of reader.library) reader.openObject(reader.libraryObject(object));
}
