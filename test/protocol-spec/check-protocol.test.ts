/** The canary of scripts/check-protocol.ts: silent about an equal schema, it names what differs in an altered one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareMessage, parseSpec } from "../../scripts/check-protocol.ts";
import {
  array,
  arrayOf,
  bool,
  bytes,
  defineMessage,
  type Fields,
  int8,
  int16,
  int32,
  int64,
  offset64,
  records,
  string,
  struct,
  uuid,
} from "../../src/protocol/codec/schema.ts";
import type { VersionText } from "../../src/protocol/codec/versions.ts";

const SPEC = parseSpec(`
// A comment, with "quotes" in it
{
  "apiKey": 99, "type": "request", "name": "ExampleRequest",
  "validVersions": "1-4", // removed: 0
  "flexibleVersions": "3+",
  "fields": [
    { "name": "Url", "type": "string", "versions": "0+", "nullableVersions": "2+", "default": "http://example" },
    { "name": "Flags", "type": "int8", "versions": "0-2", "ignorable": true },
    { "name": "Items", "type": "[]Item", "versions": "0+", "nullableVersions": "0+", "fields": [
      { "name": "Offset", "type": "int64", "versions": "0+", "default": "-1" },
      { "name": "Timestamp", "type": "int64", "versions": "4+", "default": "0x7fffffff" },
      { "name": "Batches", "type": "records", "versions": "0+", "nullableVersions": "0+" },
      { "name": "Place", "type": "Place", "versions": "0+" }
    ]},
    { "name": "Ids", "type": "[]int32", "versions": "2+" },
    { "name": "Id", "type": "uuid", "versions": "4+" },
    { "name": "Data", "type": "bytes", "versions": "1+" },
    { "name": "Home", "type": "Place", "versions": "3+", "nullableVersions": "3+", "default": "null" },
    { "name": "Client", "type": "string", "versions": "0+", "flexibleVersions": "none" },
    { "name": "Extra", "type": "bool", "versions": "3+", "taggedVersions": "3+", "tag": 0, "default": "true" }
  ],
  "commonStructs": [
    { "name": "Place", "versions": "0+", "fields": [ { "name": "Rack", "type": "string", "versions": "0+" } ] }
  ]
}`);

const ITEM = {
  offset: offset64({ default: -1 }),
  timestamp: int64({ versions: "4+", default: 0x7fffffff }),
  batches: records({ nullable: "0+" }),
  place: struct()({ rack: string() }),
};

const FIELDS = {
  url: string({ nullable: "2+", default: "http://example" }),
  flags: int8({ versions: "0-2", ignorable: true }),
  items: array({ nullable: "0+" })(ITEM),
  ids: arrayOf(int32(), { versions: "2+" }),
  id: uuid({ versions: "4+" }),
  data: bytes(),
  home: struct({ versions: "3+", nullable: "0+", default: null })({ rack: string() }),
  client: string({ flexible: "none" }),
  extra: bool({ versions: "3+", tag: 0, default: true }),
};

function differences(fields: Fields, valid: VersionText = "1-4", flexible: VersionText = "3+"): string[] {
  return compareMessage(defineMessage({ name: "ExampleRequest", apiKey: 99, valid, flexible, fields }), SPEC);
}

test("an equal schema has no differences", () => {
  assert.deepEqual(differences(FIELDS), []);
});

test("every altered schema is found out, by field and version", () => {
  const { url, flags, ...rest } = FIELDS;
  const { timestamp: _, ...itemWithoutTimestamp } = ITEM;
  const altered: readonly { readonly fields: Fields; readonly found: RegExp }[] = [
    { fields: { ...FIELDS, flags: int16({ versions: "0-2", ignorable: true }) }, found: /1, 2, 3, 4: flags: type/ },
    { fields: { ...FIELDS, ids: arrayOf(int16(), { versions: "2+" }) }, found: /ids: type is \[\]int16/ },
    { fields: { ...FIELDS, data: string() }, found: /data: type/ },
    { fields: { url, ...rest }, found: /flags is missing/ },
    {
      fields: { ...FIELDS, items: array({ nullable: "0+" })(itemWithoutTimestamp) },
      found: /items\[\]\.timestamp is miss/,
    },
    { fields: { ...FIELDS, more: int32() }, found: /more is not in the specification/ },
    {
      fields: { ...FIELDS, url: string({ nullable: "3+", default: "http://example" }) },
      found: /version 2: url: nullable/,
    },
    { fields: { ...FIELDS, items: array()(ITEM) }, found: /items: nullable is false/ },
    { fields: { ...FIELDS, url: string({ nullable: "2+" }) }, found: /url: default is ""/ },
    { fields: { ...FIELDS, extra: bool({ versions: "3+", tag: 0 }) }, found: /extra: default is "false"/ },
    {
      fields: { ...FIELDS, home: struct({ versions: "3+", nullable: "0+" })({ rack: string() }) },
      found: /home: default/,
    },
    { fields: { ...FIELDS, ids: arrayOf(int32(), { versions: "3+" }) }, found: /version 2: ids: presence/ },
    {
      fields: { ...FIELDS, extra: bool({ versions: "3+", tag: 1, default: true }) },
      found: /3, 4: extra: presence is tag 1/,
    },
    { fields: { ...FIELDS, extra: bool({ versions: "3+", default: true }) }, found: /extra: presence is inline/ },
    { fields: { ...FIELDS, flags: int8({ versions: "0-2" }) }, found: /3, 4: flags: presence is absent \(refused\)/ },
    { fields: { ...FIELDS, client: string() }, found: /client: neverCompact/ },
    { fields: { flags, url, ...rest }, found: /flags stands where the specification has url/ },
    {
      fields: { ...FIELDS, home: struct({ versions: "3+", nullable: "0+", default: null })({}) },
      found: /home\.rack is m/,
    },
  ];
  for (const { fields, found } of altered) {
    const [first, ...others] = differences(fields);
    assert.match(first ?? "no difference found", found);
    assert.deepEqual(others, []);
  }
});

test("other valid or flexible versions are found out", () => {
  assert.match(differences(FIELDS, "0-4").join(), /valid versions is 0-4, in the specification 1-4/);
  assert.match(differences(FIELDS, "1-4", "2+").join(), /version 2: is flexible, but not in the specification/);
  assert.match(differences(FIELDS, "1-4", "4+").join(), /version 3: is not flexible/);
});
