// SPDX-License-Identifier: Apache-2.0
import { type Attack, harmless, type Scene } from "./attack.ts";

/** Moves the cursor, changes colours, sets the title of a terminal, turns the direction of writing. */
const escapes = "\u001b[2J\u001b]0;x\u0007\u009b31m\u202e";

/** Row 26: what people read. The log must not hold the characters themselves, also not as escapes of JSON, which its readers undo. */
export const output: readonly Attack[] = [
  {
    name: "26 a subject that writes elsewhere on a terminal",
    commit: (scene) => {
      scene.commitFiles(harmless(scene));
      scene.git("commit", "--quiet", "--amend", `--message=Mend${escapes}it`, `--author=${escapes}Eve <eve@example.net>`);
      return scene.git("rev-parse", "HEAD");
    },
    says: clean("Mend"),
  },
  {
    name: "26 a file whose name writes elsewhere",
    commit: (scene) => ({ ...harmless(scene), "policy/interfaces/\u001b[2J.yaml": "" }),
    says: /a control character/,
  },
  {
    name: "26 a file whose name turns the direction of writing",
    commit: (scene) => ({ ...harmless(scene), "policy/interfaces/a\u202e.yaml": "interface: 7\n" }),
    says: clean("revision refused.*interfaces/a"),
  },
  { name: "26 a step whose name writes elsewhere", commit: (scene) => named(scene, escapes), says: /^revision refused/ },
  { name: "26 a step whose name is Markdown", commit: (scene) => named(scene, "`@all` <img src=x>"), says: /^revision refused/ },
];

/** A line with this word and without what escapes begin with. */
function clean(word: string): RegExp {
  return new RegExp(`^(?!.*(?:\\\\u001b|\\\\u0007|\u009b|\u202e)).*${word}`);
}

function named(scene: Scene, name: string) {
  const [[path, text] = ["", ""]] = Object.entries(harmless(scene));
  return { [path]: String(text).replace("name: bogons", `name: ${JSON.stringify(name)}`) };
}
