import { expect, test } from "vitest";
import { linkRole, parseLink } from "./link";

const id = "0123456789abcdef0123456789abcdef";

function token(claims: unknown): string {
  return `head.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;
}

test("a link has a session in its path and a token behind the hash", () => {
  expect(parseLink(`https://call.example/s/${id}#abc`)).toEqual({ sessionId: id, token: "abc" });
  expect(parseLink(`https://call.example/s/${id}`)).toBeNull();
  expect(parseLink("https://call.example/s/short#abc")).toBeNull();
  expect(parseLink("https://call.example/")).toBeNull();
  expect(parseLink("nonsense")).toBeNull();
});

test("the role is read from the token where it says so", () => {
  expect(linkRole({ sessionId: id, token: token({ role: "facilitator" }) })).toBe("facilitator");
  expect(linkRole({ sessionId: id, token: token({ role: "member" }) })).toBe("member");
  expect(linkRole({ sessionId: id, token: token({ role: "king" }) })).toBeNull();
  expect(linkRole({ sessionId: id, token: "a.%%%.c" })).toBeNull();
  expect(linkRole({ sessionId: id, token: "opaque" })).toBeNull();
});
