import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import { FetchSessions } from "./fetch-sessions.ts";

function sessionsWith(slots: number): { sessions: FetchSessions; pass: (delayMs: number) => void } {
  const simulation = new Simulation({ seed: 1 });
  const { clock, random } = simulation.process;
  return { sessions: new FetchSessions({ slots, clock, random }), pass: (delayMs) => simulation.stall(delayMs) };
}

test("the first epoch that is waited for is 1, and after 2^31-1 it is 1 again: 0 asks for a new session", () => {
  const { sessions } = sessionsWith(1);
  const session = sessions.create(new Map(), false)!;
  assert.equal(session.epoch, 1);
  sessions.advance(session);
  assert.equal(session.epoch, 2);
  session.epoch = 0x7fff_ffff;
  sessions.advance(session);
  assert.equal(session.epoch, 1);
});

test("ids are positive, and all different", () => {
  const { sessions } = sessionsWith(5000);
  const ids = Array.from({ length: 5000 }, () => sessions.create(new Map(), false)!.id);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => id > 0 && id <= 0x7fff_ffff));
});

test("the longest unused makes room, and only when it was not used for two minutes", () => {
  const { sessions, pass } = sessionsWith(2);
  const [first, second] = [sessions.create(new Map(), false)!, sessions.create(new Map(), false)!];
  pass(119_999);
  assert.equal(sessions.create(new Map(), false), undefined);
  sessions.advance(first);
  pass(1);
  const third = sessions.create(new Map(), false)!;
  assert.equal(sessions.get(second.id), undefined);
  assert.equal(sessions.get(first.id), first);
  assert.equal(sessions.get(third.id), third);
  assert.equal(sessions.count, 2);
});
