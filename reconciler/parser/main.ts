// SPDX-License-Identifier: Apache-2.0
import * as yaml from "yaml";
import { libraryFiles } from "../../bpf/programs/library.ts";
import { renderDesired } from "../2-desired/render-desired.ts";
import { useYamlPackage } from "../2-desired/yaml-package.ts";
import { policyReader } from "../host.ts";
import { decodeQuestion, encodeAnswers } from "./messages.ts";
import { serveOnce } from "./serve-once.ts";
import { warmUp } from "./warm-up.ts";

/** The process that reads policies for the agent. */
const library = libraryFiles();
serveOnce({
  confinement: { memory: 2 * 2 ** 30, seconds: 60 },
  prepare() {
    useYamlPackage(yaml);
    warmUp(policyReader, library);
  },
  answer(question) {
    const { snapshot, hosts } = decodeQuestion(question);
    const rendered = hosts.map((host) => renderDesired({ ...policyReader, snapshot, host }));
    return encodeAnswers(rendered, snapshot, policyReader, library);
  },
});
