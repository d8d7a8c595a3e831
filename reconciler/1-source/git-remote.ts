// SPDX-License-Identifier: Apache-2.0
import { isAbsolute, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { ReconcilerError } from "../reconciler-error.ts";

/** A repository address that passed our checks. `url` is what git gets; it holds no secret and cannot be taken for an option. */
export interface GitRemote {
  readonly protocol: "https" | "ssh" | "file";
  readonly url: string;
  /** null for a local one. */
  readonly host: string | null;
}

/** Parses the address ourselves, so that git meets only https, ssh and local paths. Throws ReconcilerError "source-refused". */
export function parseRemote(address: string): GitRemote {
  if (/[\p{Cc}\s]/u.test(address)) throw refused(address, "it has a space or a control character");
  if (isAbsolute(address)) return { protocol: "file", url: normalize(address), host: null };
  if (/^[^/:]+@?[^/:]*:(?!\/\/)/.test(address) && !address.includes("::")) {
    throw refused(address, "the short form of ssh is not understood", 'Write "ssh://git@host/path"');
  }
  if (!/^[a-z]+:\/\//.test(address)) {
    throw refused(address, "expected https://…, ssh://… or an absolute path", 'Write "https://host/path" or "ssh://git@host/path"');
  }
  return parseUrl(address);
}

/** The same text without what stands between "//" and "@" after a colon, wherever in it: fit for messages and logs. */
export function withoutPasswords(text: string): string {
  return text.replace(/([a-z]+:\/\/)([^\s/@:]*):[^\s/@]*@/gi, "$1$2:***@");
}

function parseUrl(address: string): GitRemote {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null) throw refused(address, "it is not a URL");
  if (url.password !== "") {
    throw refused(address, "it holds a password", "Put the password or token in a file of mode 0600 and name that with passwordFile");
  }
  if (url.search !== "" || url.hash !== "") throw refused(address, 'it has a part after "?" or "#"');
  if (url.protocol === "file:") {
    if (url.host !== "") throw refused(address, "a file URL has three slashes");
    return { protocol: "file", url: normalize(fileURLToPath(url)), host: null };
  }
  if (url.protocol !== "https:" && url.protocol !== "ssh:") {
    throw refused(address, `protocol "${url.protocol.slice(0, -1)}" is not allowed, expected https, ssh or an absolute path`);
  }
  if (!/^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:.]+\])$/.test(url.hostname)) throw refused(address, "it has no proper host name");
  if (url.username !== "" && !/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(url.username))
    throw refused(address, "its user name has odd characters");
  if (!/^\/[A-Za-z0-9~_.][A-Za-z0-9~_.+/@%-]*$/.test(url.pathname)) throw refused(address, "its path is empty or has odd characters");
  return { protocol: url.protocol === "ssh:" ? "ssh" : "https", url: url.href, host: url.host };
}

function refused(address: string, reason: string, hint?: string): ReconcilerError {
  const message = `Cannot use repository ${JSON.stringify(withoutPasswords(address))}: ${reason}`;
  return new ReconcilerError("source-refused", message, hint === undefined ? {} : { hint });
}
