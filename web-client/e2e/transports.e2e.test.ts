// Ways to the server: where UDP is blocked, where there is only IPv6, and from one way to another in mid-call.

import { afterEach, describe, expect, test } from "vitest";
import { BLUE, camera, RED, recording, tone } from "./support/fixtures.ts";
import { Network } from "./support/network.ts";
import { type Equipment, Person } from "./support/person.ts";
import { Relay } from "./support/relay.ts";
import { eventually, freePort, HearkenServer } from "./support/server.ts";

describe("media finds its way", () => {
  let server: HearkenServer | undefined;
  let relay: Relay | undefined;
  let network: Network | undefined;
  const everybody: Person[] = [];

  afterEach(async () => {
    await Promise.all(everybody.splice(0).map((person) => person.close()));
    await server?.stop();
    await relay?.stop();
    await network?.stop();
    [server, relay, network] = [undefined, undefined, undefined];
  });

  /** Two people in a call with cameras and microphones on. */
  async function call(
    environment: Readonly<Record<string, string>>,
    ...equipment: readonly [Equipment, Equipment]
  ) {
    server = await HearkenServer.start(environment);
    const links = await server.createSession({ name: "Circle", captions: false, waiting_room: false });
    const fay = await Person.launch("Fay", {
      camera: camera(RED),
      speech: recording(["0880"]).file,
      ...equipment[0],
    });
    const ann = await Person.launch("Ann", {
      camera: camera(BLUE),
      speech: recording(["0890"]).file,
      ...equipment[1],
    });
    everybody.push(fay, ann);
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await ann.join(links.member_url, "Ask to join");
    await ann.waitUntilInCall();
    for (const person of [fay, ann]) {
      await person.toggle("Microphone", true);
      await person.toggle("Camera", true);
    }
    return { fay, ann };
  }

  async function seesAndHears(person: Person): Promise<void> {
    await eventually(
      `${person.name} decodes a picture and a voice`,
      async () => {
        const streams = await person.streams("inbound-rtp");
        const sees = streams.some((stream) => stream.kind === "video" && stream.framesDecoded > 5);
        const hears = streams.some((stream) => stream.kind === "audio" && stream.totalAudioEnergy > 0);
        return sees && hears;
      },
      60_000,
    );
  }

  test("where UDP is blocked the call comes up over TCP", async () => {
    const { fay, ann } = await call({}, {}, { onlyWay: "tcp" });
    await seesAndHears(fay);
    await seesAndHears(ann);
    expect((await fay.selectedWay())?.protocol).toBe("udp");
    expect((await ann.selectedWay())?.protocol).toBe("tcp");
  });

  test("an ICE restart in mid-call costs at most 200 ms of media", async () => {
    const { fay, ann } = await call({}, { speech: tone() }, { speech: tone() });
    for (const person of [fay, ann]) {
      await seesAndHears(person);
    }
    const before = (await ann.selectedWay())?.local;
    const gaps = [fay, ann].map((person) => person.longestSilence(4_000));
    // What the browser says when it comes into a network.
    await ann.page.evaluate(() => void globalThis.dispatchEvent(new Event("online")));
    for (const gap of await Promise.all(gaps)) {
      expect(gap.packets).toBeGreaterThan(100);
      expect(gap.silenceMs).toBeLessThanOrEqual(200);
    }
    expect((await ann.selectedWay())?.local).not.toBe(before);
    expect(await ann.peerConnections()).toEqual({ made: 1, open: 1 });
  });

  test("an address translation that forgets somebody costs seconds and not the call", async () => {
    network = Network.start();
    const mediaPort = await freePort();
    const home = await network.leg(mediaPort);
    const { fay, ann } = await call(
      { HEARKEN_MEDIA_PORT: String(mediaPort), HEARKEN_MEDIA_IP: "127.0.0.1" },
      { speech: tone() },
      { speech: tone(), network: home },
    );
    for (const person of [fay, ann]) {
      await seesAndHears(person);
    }
    const gaps = [fay, ann].map((person) => person.longestSilence(10_000));
    await home.forget();
    const [heard, hears] = await Promise.all(gaps);
    process.stdout.write(
      `forgotten: heard again after ${heard?.silenceMs} ms, hears after ${hears?.silenceMs} ms\n`,
    );
    for (const gap of [heard, hears]) {
      // Of 500, so it came back; and it had been away, or nothing was forgotten.
      expect(gap?.packets).toBeGreaterThan(200);
      expect(gap?.silenceMs).toBeGreaterThan(50);
      expect(gap?.silenceMs).toBeLessThan(6_000);
    }
    expect(await ann.peerConnections()).toEqual({ made: 1, open: 1 });
  });

  test("where nothing else works the call comes up through a relay", async () => {
    relay = await Relay.start();
    const { fay, ann } = await call(relay.environment, {}, { onlyWay: "relay" });
    await seesAndHears(fay);
    await seesAndHears(ann);
    expect((await ann.selectedWay())?.type).toBe("relay");
    expect((await fay.selectedWay())?.type).not.toBe("relay");
  });

  test("behind a router people come by its outer address and port, past an address that leads nowhere", async () => {
    network = Network.start();
    const mediaPort = await freePort();
    const router = await network.leg(mediaPort);
    const { fay, ann } = await call(
      {
        HEARKEN_MEDIA_PORT: String(mediaPort),
        HEARKEN_MEDIA_IP: `192.0.2.1,127.0.0.1:${router.port}`,
      },
      {},
      {},
    );
    for (const person of [fay, ann]) {
      await seesAndHears(person);
      expect((await person.selectedWay())?.remote).toBe("127.0.0.1");
    }
    // Everything went through the router, and nothing past it.
    await eventually("media both ways through the router", async () => {
      const { up, down } = await router.tally();
      return up.delivered > 200 && down.delivered > 200;
    });
  });

  test("a call by IPv6 alone", async () => {
    const { fay, ann } = await call(
      { HEARKEN_MEDIA_IP: "::1", HEARKEN_MEDIA_BIND: "::1" },
      {},
      { onlyWay: "tcp" },
    );
    for (const person of [fay, ann]) {
      await seesAndHears(person);
      expect((await person.selectedWay())?.remote).toBe("::1");
    }
  });
});
