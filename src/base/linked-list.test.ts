import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LinkedList, type Place } from "./linked-list.ts";

test("it holds what was added and not taken out, in order", () => {
  const step = fc.oneof(fc.constant("add" as const), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const list = new LinkedList<number>();
      const places: Place<number>[] = [];
      const model: number[] = [];
      for (const [value, todo] of steps.entries()) {
        if (todo === "add") {
          places.push(list.add(value));
          model.push(value);
        } else if (places.length > 0) {
          const place = places[todo % places.length]!;
          const at = model.indexOf(place.value);
          assert.equal(place.isTaken, at !== -1);
          assert.equal(list.remove(place), at !== -1, "once");
          if (at !== -1) model.splice(at, 1);
          assert.equal(place.isTaken, false);
        }
        assert.deepEqual(list.values(), model);
        assert.equal(list.size, model.length);
      }
    }),
  );
});

test("whoever is called may take itself out", () => {
  const list = new LinkedList<number>();
  const places = [1, 2, 3].map((value) => list.add(value));
  const seen: number[] = [];
  list.forEach((value) => {
    seen.push(value);
    list.remove(places[value - 1]!);
  });
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(list.size, 0);
});

test("what was taken out refers to nothing that is still there", () => {
  const list = new LinkedList<object>();
  const [, middle] = [list.add({}), list.add({}), list.add({})];
  list.remove(middle);
  assert.deepEqual(middle, { value: {}, isTaken: false, previous: undefined, next: undefined });
});
