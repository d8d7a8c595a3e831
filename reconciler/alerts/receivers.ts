// SPDX-License-Identifier: Apache-2.0
import type { AgentReceiver } from "../../schemas/agent.generated.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { alertmanager } from "./alertmanager.ts";
import { command } from "./command.ts";
import type { Receiver } from "./receiver.ts";
import { webhook } from "./webhook.ts";

/** The receivers of a configuration. Throws ReconcilerError "config-invalid" for what its schema cannot say. */
export function receivers(configured: readonly AgentReceiver[]): readonly Receiver[] {
  const names = configured.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ReconcilerError("config-invalid", `Two receivers of "alerts" have the name "${twice}"`);
  return configured.map((receiver) => {
    const { name } = receiver;
    if (receiver.webhook !== undefined) {
      return webhook({ name, url: address(name, receiver.webhook.url), secretFile: receiver.webhook.secretFile ?? null });
    }
    if (receiver.alertmanager !== undefined) return alertmanager({ name, url: address(name, receiver.alertmanager.url) });
    return command({ name, words: receiver.command ?? [] });
  });
}

function address(name: string, url: string): string {
  const wrong = whyNotAsked(url);
  if (wrong === null) return url;
  throw new ReconcilerError("config-invalid", `Receiver "${name}" of "alerts" has no address: its "url" ${wrong}`);
}

/** What fetch() would refuse each time, for as long as the agent runs. */
function whyNotAsked(url: string): string | null {
  if (!URL.canParse(url)) return "cannot be read";
  const { username, password } = new URL(url);
  return username === "" && password === "" ? null : "has a user or a password in it, which are not sent; a token can stand in its path";
}
