import { expect, test, vi } from "vitest";
import { createSession } from "./http";

function answering(status: number, body: string) {
  return vi.fn<typeof fetch>(() => Promise.resolve(new Response(body, { status })));
}

test("a session is created with the operator's key in a header", async () => {
  const session = { session_id: "a", facilitator_url: "b", member_url: "c", captioner_url: "d" };
  const fetcher = answering(201, JSON.stringify(session));
  expect(await createSession(" key\n", { name: "Circle" }, fetcher)).toEqual({ kind: "created", session });
  const init = fetcher.mock.calls[0]?.[1];
  expect(init?.headers).toMatchObject({ authorization: "Bearer key" });
  expect(init?.body).toBe('{"name":"Circle"}');
});

test("a refusal keeps its code", async () => {
  const fetcher = answering(401, '{"code":"unauthorized","message":"no"}');
  expect(await createSession("key", { name: "" }, fetcher)).toEqual({
    kind: "refused",
    code: "unauthorized",
    message: "no",
  });
});

test("anything else is no answer", async () => {
  expect(await createSession("key", { name: "" }, answering(502, "<html>"))).toEqual({ kind: "unreachable" });
  expect(await createSession("key", { name: "" }, answering(201, "{}"))).toEqual({ kind: "unreachable" });
  const failing = vi.fn<typeof fetch>(() => Promise.reject(new TypeError("network")));
  expect(await createSession("key", { name: "" }, failing)).toEqual({ kind: "unreachable" });
});
