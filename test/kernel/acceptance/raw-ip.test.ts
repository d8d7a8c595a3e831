// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { station } from "../cli/station.ts";
import { dropsFrom, writeFiles } from "./policy.ts";

kernelTest(
  "a tcpdump expression is refused where packets have no Ethernet header, a filter of the library is warned of",
  async (t, lab) => {
    ip("tuntap add dev raw0 mode tun");
    t.teardown(() => ip("link del raw0"));
    const host = await station(t, lab);
    const at = (hook: string, step: string) =>
      writeFiles(host.folder, { "interfaces/lab.yaml": `apiVersion: sluice/v1\ninterface: raw0\n${hook}:\n  chain:\n${step}` });

    at("xdp", "    - name: ntp\n      match: udp and src port 123\n      verdict: drop\n");
    const refused = await host.sluice("apply", "--yes");
    t.is(refused.exit, 5, refused.err);
    t.regex(
      refused.out + refused.err,
      /Cannot use the match of step "ntp" \(interfaces\/lab\.yaml:5\) at raw0\/xdp: packets of "raw0" have no Ethernet header/,
    );
    t.deepEqual(await lab.kernel.pins(lab.root), []);

    at("xdp", dropsFrom("bogons", "10.0.0.0/8"));
    const warned = await host.sluice("plan");
    t.is(warned.exit, 0, warned.err);
    t.regex(
      warned.out + warned.err,
      /filters of the library at raw0\/xdp take all of them for something that is not IP: step "bogons" \(interfaces\/lab\.yaml:5\)/,
    );
    t.deepEqual(
      (await lab.kernel.devices()).filter(({ withoutEthernet }) => withoutEthernet).map(({ name }) => name),
      ["raw0"],
    );
  },
);
