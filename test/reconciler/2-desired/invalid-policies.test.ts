// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import test from "ava";
import { printDiagnostics } from "./print-diagnostics.ts";
import { fixtures, readCase, renderFiles, withoutDigests } from "./policy-fixtures.ts";

// SLUICE_UPDATE=1 writes diagnostics.txt anew; read the difference before it is committed.
for (const name of readdirSync(join(fixtures, "invalid"))) {
  test(`renderDesired() refuses ${name}`, (t) => {
    const folder = join(fixtures, "invalid", name);

    const rendered = renderFiles(readCase(folder));

    const printed = rendered.kind === "invalid" ? withoutDigests(printDiagnostics(rendered.diagnostics, { color: false })) : "rendered\n";
    if (env["SLUICE_UPDATE"] === "1") writeFileSync(join(folder, "diagnostics.txt"), printed);
    t.is(rendered.kind, "invalid");
    t.is(printed, readFileSync(join(folder, "diagnostics.txt"), "utf8"));
  });
}
