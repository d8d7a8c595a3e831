// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import test from "ava";
import { printDiagnostics } from "../../../reconciler/6-report/print-diagnostics.ts";
import type { Diagnostic } from "../../../reconciler/model/diagnostic.ts";
import { fixtures, readCase, renderFiles, withoutDigests } from "./policy-fixtures.ts";

// SLUICE_UPDATE=1 writes diagnostics.txt anew; read the difference before it is committed.
for (const name of readdirSync(join(fixtures, "invalid"))) {
  test(`renderDesired() refuses ${name}`, (t) => {
    const folder = join(fixtures, "invalid", name);

    const rendered = renderFiles(readCase(folder));

    const printed = rendered.kind === "invalid" ? printAll(rendered.diagnostics) : "rendered\n";
    if (env["SLUICE_UPDATE"] === "1") writeFileSync(join(folder, "diagnostics.txt"), printed);
    t.is(rendered.kind, "invalid");
    t.is(printed, readFileSync(join(folder, "diagnostics.txt"), "utf8"));
  });
}

function printAll(diagnostics: readonly Diagnostic[]): string {
  const codes = diagnostics.map(({ code }) => code).join(", ");
  return withoutDigests(`${printDiagnostics(diagnostics, { color: false })}codes: ${codes}\n`);
}
