// SPDX-License-Identifier: Apache-2.0
import { isMap, isSeq, parseDocument } from "yaml";

/** The next of ever different chains: the first step goes last, and every third time a step comes or goes. Comments stay with their steps. */
export function reorderChain(text: string, round: number): { readonly text: string; readonly subject: string } {
  const document = parseDocument(text);
  const chain = document.getIn(["xdp", "chain"]);
  if (!isSeq(chain)) throw new Error('Cannot reorder the chain: expected a list at "xdp.chain"');
  if (round % 3 === 2) {
    const index = chain.items.findIndex((item) => isMap(item) && item.get("name") === extra.name);
    if (index >= 0) chain.items.splice(index, 1);
    else chain.items.splice(round % chain.items.length, 0, document.createNode(extra));
    return { text: document.toString({ lineWidth: 0 }), subject: `${index >= 0 ? "Remove" : "Insert"} ${extra.name}` };
  }
  const first = chain.items.shift();
  chain.items.push(first);
  const name = isMap(first) ? String(first.get("name")) : "the first step";
  return { text: document.toString({ lineWidth: 0 }), subject: `Move ${name} to the end` };
}

const extra = { name: "no-telnet", uses: "acl", with: { rules: [{ protocol: "tcp", dport: 23, action: "drop" }] } } as const;
