/** The errors of an answer are found wherever the schema has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../protocol/apis.ts";
import type { Field, Fields } from "../protocol/codec/schema.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { countErrors, ErrorCounts, type ErrorPlaces, errorPlaces } from "./error-places.ts";

function counted(fields: Fields, body: object): [code: number, count: number][] {
  const counts = new ErrorCounts();
  countErrors(errorPlaces(fields), body, counts);
  return counts.entries();
}

test("of the answer itself and of each partition in it; what is left out is NONE", () => {
  const unknown = { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR };
  assert.deepEqual(counted(APIS.heartbeat.response.fields, unknown), [[ErrorCode.UNKNOWN_SERVER_ERROR, 1]]);
  const partitions = [{ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }, {}, { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }];
  assert.deepEqual(counted(APIS.fetch.response.fields, { responses: [{ partitions }, { partitions: null }, {}] }), [
    [ErrorCode.NONE, 2],
    [ErrorCode.OFFSET_OUT_OF_RANGE, 2],
  ]);
});

test("an answer with nothing in it has the code of the whole, if there is such", () => {
  assert.deepEqual(counted(APIS.heartbeat.response.fields, {}), [[ErrorCode.NONE, 1]]);
  assert.deepEqual(counted(APIS.produce.response.fields, {}), []);
});

test("no API hides its errors where they are not looked for", () => {
  for (const { name, response } of Object.values(APIS)) {
    assert.equal(placesIn(errorPlaces(response.fields)), fieldsNamed(response.fields, "errorCode"), name);
  }
});

function placesIn({ here, within }: ErrorPlaces): number {
  return within.reduce((sum, { places }) => sum + placesIn(places), here ? 1 : 0);
}

/** Fields of this name, at any depth, in any kind of field. */
function fieldsNamed(fields: Fields, wanted: string): number {
  const inside = (field: Field): number => {
    if (field.type === "struct") return fieldsNamed(field.fields, wanted);
    return field.type === "array" ? inside(field.element) : 0;
  };
  return Object.entries(fields).reduce((sum, [name, field]) => sum + inside(field) + (name === wanted ? 1 : 0), 0);
}
