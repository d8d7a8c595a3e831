// SPDX-License-Identifier: Apache-2.0
import { type Token, tokenise } from "./tokens.ts";
import { etherProtocols, keywords, wellKnownPorts, wellKnownProtocols } from "./vocabulary.ts";

/** Why an expression cannot be used, and where in it; offsets count UTF-16 units. */
export interface ExpressionFault {
  readonly kind: "fault";
  readonly message: string;
  readonly hint: string | null;
  readonly start: number;
  readonly end: number;
}

/**
 * Finds what would not mean the same on every host, before libpcap sees it: names of hosts, networks, ports and protocols, which each host
 * looks up for itself, and what cannot be one forward pass. null when there is nothing; libpcap finds the rest.
 */
export function checkExpression(expression: string): ExpressionFault | null {
  const tokens = tokenise(expression);
  const control = expression.search(/(?!\s)\p{Cc}/u);
  if (control >= 0) return fault({ start: control, end: control + 1 }, "An expression has no control characters", null);
  for (const [index, token] of tokens.entries()) {
    const found = checkToken(token, tokens, index);
    if (found !== null) return found;
  }
  return null;
}

function checkToken(token: Token, tokens: readonly Token[], index: number): ExpressionFault | null {
  if (token.kind === "escaped") return checkEscaped(token, tokens, index);
  if (token.kind !== "word" || (keywords.has(token.text) && !liveWords.has(token.text))) return null;
  if (token.text === "protochain") return fault(token, '"protochain" needs a loop over headers, which a match cannot have', protochainHint);
  if (token.text === "gateway") return fault(token, '"gateway" looks up an Ethernet address and an IP address by name', gatewayHint);
  if (liveWords.has(token.text))
    return fault(token, `"${token.text}" asks the capture that a packet is from, which a match has none of`, null);
  const lower = token.text.toLowerCase();
  if (keywords.has(lower)) return fault(token, `Unknown word "${token.text}"`, `libpcap knows it in small letters: "${lower}"`);
  return fault(token, ...nameFault(token.text, meaningOf(tokens, index)));
}

/** libpcap compiles them to what only a socket of Linux can answer. */
const liveWords: ReadonlySet<string> = new Set(["inbound", "outbound", "ifindex"]);
const protochainHint = 'write the headers that you expect, such as "ip6 proto 6 or (ip6 proto 0 and ip6[40] = 6)"';
const gatewayHint = 'write "ether host" with the Ethernet address and "not host" with the IP address';

/** "ether proto \arp" is libpcap's own; "ip proto \tcp" is looked up in /etc/protocols. */
function checkEscaped(token: Token, tokens: readonly Token[], index: number): ExpressionFault | null {
  const isEther = ["ether", "link"].includes(tokens[index - 2]?.text ?? "") && tokens[index - 1]?.text === "proto";
  return isEther && etherProtocols.has(token.text) ? null : fault(token, ...nameFault(token.text, meaningOf(tokens, index)));
}

type Meaning = "port" | "protocol" | "network" | "host" | null;

const meanings: Readonly<Record<string, Meaning>> = {
  port: "port",
  portrange: "port",
  proto: "protocol",
  net: "network",
  mask: "network",
  host: "host",
  src: "host",
  dst: "host",
};
/** What may stand between a word and the one that says what it is: "port (80 or http)". */
const between = new Set(["(", "or", "||", "and", "&&", "not", "!"]);

/** What a name would have to be, by the word in front of it that says so. */
function meaningOf(tokens: readonly Token[], index: number): Meaning {
  for (let at = index - 1; at >= 0; at--) {
    const { kind, text } = tokens[at] as Token;
    const meaning = kind === "word" ? meanings[text] : undefined;
    if (meaning !== undefined) return meaning;
    if (kind === "word" && !between.has(text) && keywords.has(text)) return null;
    if (kind === "sign" && !between.has(text) && text !== ")") return null;
  }
  return null;
}

function nameFault(name: string, meaning: Meaning): [message: string, hint: string | null] {
  const looked = "would be looked up on each host, and may not mean the same everywhere";
  switch (meaning) {
    case "port": {
      const port = wellKnownPorts[name.toLowerCase()];
      return [`The port name "${name}" ${looked}`, port === undefined ? "write its number" : `write its number: ${port}`];
    }
    case "protocol": {
      const protocol = wellKnownProtocols[name.toLowerCase()];
      return [`The protocol name "${name}" ${looked}`, protocol === undefined ? "write its number" : `write its number: ${protocol}`];
    }
    case "network":
      return [`The network name "${name}" ${looked}`, 'write the network, such as "net 192.0.2.0/24"'];
    case "host":
      return [`The host name "${name}" ${looked}`, "write the address"];
    default:
      return [`Unknown word "${name}": a name ${looked}`, null];
  }
}

function fault({ start, end }: Pick<Token, "start" | "end">, message: string, hint: string | null): ExpressionFault {
  return { kind: "fault", message, hint, start, end };
}
