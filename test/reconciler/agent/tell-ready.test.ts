// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import test from "ava";
import { tellReady } from "../../../reconciler/agent/tell-ready.ts";
import { temporaryFolder } from "../temporary.ts";

// That it is heard is shown in test/kernel/service, by a systemd that waits for it.

test("tellReady() tells nobody where nobody asked", (t) => {
  t.is(tellReady({}), null);
  t.is(tellReady({ NOTIFY_SOCKET: "" }), null);
});

test("tellReady() says why it was not heard", (t) => {
  t.is(tellReady({ NOTIFY_SOCKET: join(temporaryFolder(t), "none") }), "ENOENT");
  t.is(tellReady({ NOTIFY_SOCKET: "@sluice-nobody-listens-here" }), "ECONNREFUSED");
});
