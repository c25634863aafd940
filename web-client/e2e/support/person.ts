// One person in a real headless Chromium of their own, with a fake microphone and camera, who uses the page by the
// names that people and screen readers use.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";

import { goThrough, type Leg, loseUdpIn } from "./network.ts";
import { PATIENCE_MS } from "./server.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export interface Equipment {
  /** A WAV file to speak in a loop; without one, Chromium's beeps. */
  readonly speech?: string;
  /** A Y4M file to show; without one, Chromium's moving picture. */
  readonly camera?: string;
  /** Devices are refused, as when somebody says no to the browser's question. */
  readonly refused?: boolean;
  /** The network lets media through by this way alone. */
  readonly onlyWay?: Way;
  /** Sound needs a gesture, as in a browser that has not been set up for tests. */
  readonly soundNeedsGesture?: boolean;
  /** The network that media goes over; without one, straight to the server. */
  readonly network?: Leg;
  /** When the first picture comes is noted (`firstPictureMs`). */
  readonly isTimed?: boolean;
  /** A firewall that drops all UDP: a leg that loses everything. TCP goes straight to the server. */
  readonly firewall?: Leg;
}

/** A way for media: straight by UDP or TCP, or through a relay. */
export type Way = "udp" | "tcp" | "relay";

/** The statistics of one RTP stream, as far as the tests look at them. */
export interface StreamStats {
  readonly type: string;
  readonly kind: string;
  readonly mid: string | undefined;
  readonly rid: string | undefined;
  readonly ssrc: number;
  readonly packets: number;
  readonly framesDecoded: number;
  readonly framesEncoded: number;
  readonly frameWidth: number;
  readonly totalAudioEnergy: number;
}

/** Runs in the page before its own scripts: remembers every peer connection that the page makes. */
export function rememberPeerConnections(): void {
  const made: RTCPeerConnection[] = [];
  Object.assign(globalThis, { peerConnectionsOfThisTest: made });
  const Original = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      made.push(this);
    }
  };
}

/** Runs in the page before its own scripts: remembers the tracks of cameras and microphones that it opens. */
function rememberTracks(): void {
  const opened: MediaStreamTrack[] = [];
  Object.assign(globalThis, { tracksOfThisTest: opened });
  const original = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (original !== undefined) {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await original(constraints);
      opened.push(...stream.getTracks());
      return stream;
    };
  }
}

/**
 * Runs in the page before its own scripts: notes how long after the server's first answer the first picture of
 * somebody else was decoded.
 */
function timeFirstPicture(): void {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  const times: { firstPictureMs?: number } = {};
  Object.assign(globalThis, { timesOfThisTest: times });
  let isWatched = false;
  RTCPeerConnection.prototype.setRemoteDescription = async function (this: RTCPeerConnection, description) {
    const answered = performance.now();
    await Reflect.apply(original, this, [description]);
    if (isWatched) return;
    isWatched = true;
    const look = setInterval(async () => {
      const all = [...(await this.getStats()).values()];
      if (all.some((one) => one.type === "inbound-rtp" && one.framesDecoded > 0)) {
        clearInterval(look);
        times.firstPictureMs ??= performance.now() - answered;
      }
    }, 20);
  } as typeof original;
}

/**
 * Runs in the page before its own scripts: the network lets media through by one way alone. Of the server's
 * addresses the page keeps only those on it; for a relay, the browser is told to use nothing else.
 */
function narrow(way: Way): void {
  const Original = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(way === "relay" ? { ...configuration, iceTransportPolicy: "relay" } : configuration);
    }
    override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
      const other = way === "tcp" ? / udp / : / tcp /;
      const lines = (description.sdp ?? "").split("\r\n");
      const kept = lines.filter((line) => !(line.startsWith("a=candidate:") && other.test(line)));
      await super.setRemoteDescription({ ...description, sdp: kept.join("\r\n") });
    }
  };
}

export class Person {
  /** Every message the server sent over the WebSocket, since the browser started. */
  readonly received: unknown[] = [];
  /** What the page wrote to its console as errors. */
  readonly consoleErrors: string[] = [];
  /** What it was not sent as the server asked for. */
  readonly warnings: string[] = [];

  private constructor(
    readonly name: string,
    private readonly browser: Browser,
    readonly context: BrowserContext,
    private readonly profile: string,
    public page: Page,
  ) {}

  static async launch(name: string, equipment: Equipment = {}): Promise<Person> {
    const profile = mkdtempSync(join(tmpdir(), "hearken-browser-"));
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      headless: true,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        equipment.soundNeedsGesture
          ? "--autoplay-policy=document-user-activation-required"
          : "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream=fps=10",
        ...(equipment.refused ? [] : ["--use-fake-ui-for-media-stream"]),
        "--auto-select-desktop-capture-source=Entire screen",
        // A machine without a network still has addresses of its own.
        "--allow-loopback-in-peer-connection",
        ...(equipment.speech === undefined ? [] : [`--use-file-for-fake-audio-capture=${equipment.speech}`]),
        ...(equipment.camera === undefined ? [] : [`--use-file-for-fake-video-capture=${equipment.camera}`]),
      ],
    });
    const context = await browser.newContext({
      permissions: equipment.refused ? [] : ["camera", "microphone"],
      viewport: { width: 1000, height: 700 },
    });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(rememberPeerConnections);
    await context.addInitScript(rememberTracks);
    if (equipment.onlyWay !== undefined) {
      await context.addInitScript(narrow, equipment.onlyWay);
    }
    if (equipment.network !== undefined) {
      await context.addInitScript(goThrough, equipment.network.port);
    }
    if (equipment.firewall !== undefined) {
      await context.addInitScript(loseUdpIn, equipment.firewall.port);
    }
    if (equipment.isTimed === true) {
      await context.addInitScript(timeFirstPicture);
    }
    const person = new Person(name, browser, context, profile, await context.newPage());
    person.watch(person.page);
    return person;
  }

  /** A second tab of the same browser becomes the one that this person uses; the first is returned. */
  async openSecondTab(): Promise<Page> {
    const first = this.page;
    this.page = await this.context.newPage();
    this.watch(this.page);
    return first;
  }

  private watch(page: Page): void {
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => {
        if (typeof payload === "string") {
          this.received.push(JSON.parse(payload));
        }
      });
    });
    page.on("console", (message) => {
      if (message.type() === "error") {
        this.consoleErrors.push(message.text());
      } else if (message.text().startsWith("Not sent as asked")) {
        this.warnings.push(message.text());
      }
    });
    page.on("pageerror", (error) => this.consoleErrors.push(String(error)));
  }

  /** Opens a link, fills in the join page and asks to join (a facilitator: joins). */
  async join(url: string, button: "Join" | "Ask to join"): Promise<void> {
    // By way of another page: a link that differs after the `#` alone, or not at all, would not load anew.
    await this.page.goto("about:blank");
    await this.page.goto(url);
    await this.page.getByLabel("Your name").fill(this.name);
    await this.checkbox("I agree to the group guidelines").check({ force: true });
    await this.button(button).click();
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  checkbox(name: string): Locator {
    return this.page.getByRole("checkbox", { name });
  }

  region(name: string): Locator {
    return this.page.getByRole("region", { name, exact: true });
  }

  /** The tile of somebody. */
  tile(name: string): Locator {
    return this.page.getByRole("group", { name, exact: true });
  }

  async waitUntilInCall(): Promise<void> {
    await this.button("Leave").waitFor({ timeout: PATIENCE_MS });
  }

  /** Presses a toggle button until it is in the wanted state. */
  async toggle(name: string, on: boolean): Promise<void> {
    const button = this.button(name);
    await button.waitFor();
    if ((await button.getAttribute("aria-pressed")) !== String(on)) {
      await button.click();
    }
    await this.page
      .locator(`button[aria-pressed="${on}"]`, { hasText: "" })
      .and(button)
      .waitFor({ timeout: PATIENCE_MS });
  }

  /** The messages of one type that the server sent. */
  messages<T>(type: string): T[] {
    return this.received.filter((message) => (message as { type?: string }).type === type) as T[];
  }

  /** How many peer connections the page has made, and how many of them are not closed. */
  peerConnections(): Promise<{ made: number; open: number }> {
    return this.page.evaluate(() => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      return { made: made.length, open: made.filter((one) => one.connectionState !== "closed").length };
    });
  }

  /**
   * What the browser does when a device is pulled out: its track ends, and the page hears of it. Its button is
   * pressed as soon as the person wants it, so the device may still be opening: it is waited for.
   */
  async unplug(kind: "audio" | "video"): Promise<void> {
    const ended = await this.page.waitForFunction((wanted) => {
      const opened = (globalThis as unknown as { tracksOfThisTest: MediaStreamTrack[] }).tracksOfThisTest;
      const live = opened.filter((one) => one.kind === wanted && one.readyState === "live");
      for (const track of live) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
      }
      return live.length > 0;
    }, kind);
    await ended.dispose();
  }

  /** RTP statistics of the newest peer connection: `inbound-rtp`, `outbound-rtp`, `remote-inbound-rtp`. */
  streams(type: "inbound-rtp" | "outbound-rtp" | "remote-inbound-rtp"): Promise<StreamStats[]> {
    return this.page.evaluate(async (wanted) => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      const newest = made.at(-1);
      if (newest === undefined) {
        return [];
      }
      const found: StreamStats[] = [];
      for (const stats of (await newest.getStats()).values()) {
        if (stats.type === wanted) {
          found.push({
            type: stats.type,
            kind: stats.kind,
            mid: stats.mid,
            rid: stats.rid,
            ssrc: stats.ssrc,
            packets: stats.packetsReceived ?? stats.packetsSent ?? 0,
            framesDecoded: stats.framesDecoded ?? 0,
            framesEncoded: stats.framesEncoded ?? 0,
            frameWidth: stats.frameWidth ?? 0,
            totalAudioEnergy: stats.totalAudioEnergy ?? 0,
          });
        }
      }
      return found;
    }, type);
  }

  /** What the newest peer connection sends and receives over. */
  selectedWay(): Promise<{ protocol: string; type: string; local: string; remote: string } | null> {
    return this.page.evaluate(async () => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      const stats = await made.at(-1)?.getStats();
      const all = stats === undefined ? [] : [...stats.values()];
      const transport = all.find((one) => one.type === "transport");
      const pair = all.find((one) => one.id === transport?.selectedCandidatePairId);
      const local = all.find((one) => one.id === pair?.localCandidateId);
      const remote = all.find((one) => one.id === pair?.remoteCandidateId);
      if (local === undefined || remote === undefined) {
        return null;
      }
      return {
        protocol: local.protocol,
        type: local.candidateType,
        local: `${local.address}:${local.port}:${local.id}`,
        remote: remote.address ?? "",
      };
    });
  }

  /** How long after the server's answer the first picture of somebody else was decoded. */
  firstPictureMs(): Promise<number | undefined> {
    return this.page.evaluate(
      () =>
        (globalThis as unknown as { timesOfThisTest: { firstPictureMs?: number } }).timesOfThisTest
          .firstPictureMs,
    );
  }

  /** All statistics of the newest peer connection that are of this type, as the browser gives them. */
  statistics(type: string): Promise<Record<string, unknown>[]> {
    return this.page.evaluate(async (wanted) => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      const report = await made.at(-1)?.getStats();
      const all = [...(report?.values() ?? [])] as Record<string, unknown>[];
      return all.filter((one) => one.type === wanted);
    }, type);
  }

  /**
   * The longest time without a packet of sound, or without a picture, over the next milliseconds. It is told by when the
   * last one came and how many came between two looks, so that a page that is kept waiting measures no less well. What
   * came since the look before came after that look, so that a burst does not hide the silence before it. One interval
   * between two of them is in it: 20 ms of sound, 100 of the cameras here.
   */
  longestSilence(
    overMs: number,
    kind: "audio" | "video" = "audio",
  ): Promise<{ packets: number; silenceMs: number }> {
    return this.page.evaluate(
      async ({ duration, kind }) => {
        const [counter, intervalMs] = kind === "audio" ? ["packetsReceived", 20] : ["framesReceived", 100];
        const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
          .peerConnectionsOfThisTest;
        const look = async () => {
          const all = [...((await made.at(-1)?.getStats())?.values() ?? [])];
          const streams = all.filter((one) => one.type === "inbound-rtp" && one.kind === kind);
          const stream = streams.sort((a, b) => b[counter] - a[counter])[0];
          return {
            lookedAt: stream?.timestamp ?? 0,
            cameAt: stream?.lastPacketReceivedTimestamp ?? 0,
            packets: stream?.[counter] ?? 0,
          };
        };
        const end = performance.now() + duration;
        const first = await look();
        let last = first;
        let lookedAt = first.lookedAt;
        let silenceMs = 0;
        while (performance.now() < end) {
          await new Promise((done) => setTimeout(done, 20));
          const next = await look();
          if (next.packets > last.packets) {
            const further = (next.packets - last.packets - 1) * intervalMs;
            const since = Math.max(0, next.cameAt - lookedAt);
            silenceMs = Math.max(silenceMs, next.cameAt - last.cameAt - Math.min(further, since));
            last = next;
          }
          lookedAt = next.lookedAt;
        }
        // What had not ended by then counts as far as it went.
        silenceMs = Math.max(silenceMs, lookedAt - last.cameAt);
        return { packets: last.packets - first.packets, silenceMs };
      },
      { duration: overMs, kind },
    );
  }

  /** Captions that became final, as the page shows them in the log for screen readers. */
  async finalCaptions(): Promise<string[]> {
    return this.page.getByRole("log", { name: "Captions", exact: true }).locator("> *").allTextContents();
  }

  async screenshot(file: string): Promise<void> {
    await this.page.screenshot({ path: file });
  }

  async close(): Promise<void> {
    await this.browser.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
