// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import test from "ava";
import { fixtures, readCase, renderFiles } from "./policy-fixtures.ts";
import { summariseDesired } from "./summarise-desired.ts";

// SLUICE_UPDATE=1 writes desired.json anew; read the difference before it is committed.
for (const name of readdirSync(join(fixtures, "valid"))) {
  test(`renderDesired() renders ${name}`, (t) => {
    const folder = join(fixtures, "valid", name);

    const rendered = renderFiles(readCase(folder));

    if (rendered.kind === "invalid") return t.fail(JSON.stringify(rendered.diagnostics, null, 2));
    const warnings = rendered.warnings.map(({ code, at }) => `${at.file}:${at.line}: ${code}`);
    const printed = `${JSON.stringify({ hooks: summariseDesired(rendered.desired), warnings }, null, 2)}\n`;
    if (env["SLUICE_UPDATE"] === "1") writeFileSync(join(folder, "desired.json"), printed);
    return t.is(printed, readFileSync(join(folder, "desired.json"), "utf8"));
  });
}
