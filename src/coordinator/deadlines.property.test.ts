import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deadline, Deadlines } from "./deadlines.ts";

const step = fc.oneof(
  fc.record({ kind: fc.constant("arm" as const), which: fc.nat(9), inMs: fc.nat(50) }),
  fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(9) }),
  fc.record({ kind: fc.constant("wait" as const), byMs: fc.nat(30) }),
);

test("deadlines come due as in a plain list of them, whatever was armed, moved and taken back", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const deadlines = new Deadlines();
      const all = Array.from({ length: 10 }, () => new Deadline(() => undefined));
      const model = new Map<Deadline, number>();
      let nowMs = 0;
      for (const each of steps) {
        if (each.kind === "arm") {
          deadlines.arm(all[each.which]!, nowMs + each.inMs);
          model.set(all[each.which]!, nowMs + each.inMs);
        } else if (each.kind === "cancel") {
          deadlines.cancel(all[each.which]!);
          model.delete(all[each.which]!);
        } else {
          nowMs += each.byMs;
          const due = new Set<Deadline>();
          for (let next = deadlines.takeDue(nowMs); next !== undefined; next = deadlines.takeDue(nowMs)) due.add(next);
          const expected = [...model].filter(([, atMs]) => atMs <= nowMs).map(([deadline]) => deadline);
          for (const deadline of expected) model.delete(deadline);
          assert.deepEqual(due, new Set(expected));
        }
        assert.equal(deadlines.count, model.size);
        const earliest = Math.min(...model.values());
        assert.ok((deadlines.nextMs ?? Number.POSITIVE_INFINITY) <= earliest);
      }
    }),
  );
});
