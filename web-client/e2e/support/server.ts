// The real program under test: `hearken serve` on loopback, with a data folder of its own that dies with the test.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { built } from "./programs.ts";

const OPERATOR_KEY = "end-to-end-operator-key";
const START_TIMEOUT_MS = 60_000;

export interface Links {
  readonly session_id: string;
  readonly facilitator_url: string;
  readonly member_url: string;
  readonly captioner_url: string;
}

export interface SessionWish {
  readonly name: string;
  readonly capacity?: number;
  readonly waiting_room?: boolean;
  readonly captions?: boolean;
  readonly transcript?: boolean;
  readonly starts_at?: string;
  readonly ends_at?: string;
}

/** A port that is free now, for a server that must come back on the same one. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === "string") {
          fail(new Error("no port"));
        } else {
          done(address.port);
        }
      });
    });
  });
}

export class HearkenServer {
  private readonly dataDir = mkdtempSync(join(tmpdir(), "hearken-e2e-"));
  private child: ChildProcess | undefined;
  /** Everything the program printed so far, over all its lives. */
  output = "";

  private constructor(
    readonly port: number,
    readonly metricsPort: number,
    private readonly extraEnvironment: Readonly<Record<string, string>>,
    private readonly address: "127.0.0.1" | "[::1]",
  ) {}

  /** `address` is where pages and WebSockets come by; media have their own. */
  static async start(
    extraEnvironment: Readonly<Record<string, string>> = {},
    address: "127.0.0.1" | "[::1]" = "127.0.0.1",
  ): Promise<HearkenServer> {
    const server = new HearkenServer(await freePort(), await freePort(), extraEnvironment, address);
    await server.launch();
    return server;
  }

  get origin(): string {
    return `http://${this.address === "127.0.0.1" ? "localhost" : this.address}:${this.port}`;
  }

  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) {
      throw new Error("the server is not running");
    }
    return pid;
  }

  /** Starts the program and waits until it says it is ready. */
  async launch(): Promise<void> {
    const child = spawn(built("hearken"), ["serve"], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...(process.env.XDG_CACHE_HOME === undefined ? {} : { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME }),
        ...(process.env.HEARKEN_MODEL === undefined ? {} : { HEARKEN_MODEL: process.env.HEARKEN_MODEL }),
        HEARKEN_LISTEN: `${this.address}:${this.port}`,
        HEARKEN_PUBLIC_URL: this.origin,
        HEARKEN_OPERATOR_KEY: OPERATOR_KEY,
        HEARKEN_DATA_DIR: this.dataDir,
        HEARKEN_MEDIA_PORT: "0",
        HEARKEN_METRICS_LISTEN: `127.0.0.1:${this.metricsPort}`,
        ...this.extraEnvironment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    child.stdout?.on("data", (data: Buffer) => {
      this.output += data.toString();
    });
    child.stderr?.on("data", (data: Buffer) => {
      this.output += data.toString();
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < deadline) {
      if (child.exitCode !== null) {
        throw new Error(`hearken serve ended with ${child.exitCode}:\n${this.output}`);
      }
      const ready = await fetch(`${this.origin}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
      if (ready) {
        return;
      }
      await pause(100);
    }
    throw new Error(`hearken serve was not ready in time:\n${this.output}`);
  }

  async createSession(wish: SessionWish): Promise<Links> {
    const response = await this.api("POST", "/api/v1/sessions", wish);
    if (response.status !== 201) {
      throw new Error(`creating a session: ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as Links;
  }

  api(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** The value of a metric, all its label sets added up; 0 when it has not been counted yet. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`).then((response) =>
      response.text(),
    );
    let sum = 0;
    for (const line of text.split("\n")) {
      const match = /^([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match?.[1] !== name) {
        continue;
      }
      const wanted = Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`));
      if (wanted) {
        sum += Number(match[3]);
      }
    }
    return sum;
  }

  /** The process id of the `hearken captions` child. */
  captionsPid(): number | undefined {
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) {
        continue;
      }
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        const commandLine = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
        if (parent === this.pid && commandLine.includes("captions")) {
          return Number(entry);
        }
      } catch {
        // The process ended while we looked.
      }
    }
    return undefined;
  }

  /** Ends the program as a crash would, by SIGKILL. */
  async kill(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;
    this.child = undefined;
  }

  /** Ends the program as an operator would, and removes its data. */
  async stop(): Promise<void> {
    const child = this.child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await gone;
      clearTimeout(late);
    }
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

export function killProcess(pid: number): void {
  process.kill(pid, "SIGKILL");
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** More than anything that has no aim of its own takes on a busy machine: only a failing test waits so long. */
export const PATIENCE_MS = 90_000;

/** Waits until `check` gives a value that is not false or undefined, and returns it. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) {
        return value;
      }
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs} ms (last: ${String(last)})`);
    }
    await pause(150);
  }
}

/** The folder of Debian's recorded speech. */
export function speechFolder(): string {
  const files = execFileSync("dpkg", ["-L", "pocketsphinx-testdata"], { encoding: "utf8" }).split("\n");
  const folder = files.find((file) => file.endsWith("/librivox"));
  if (folder === undefined) {
    throw new Error("pocketsphinx-testdata is not installed: make test installs it");
  }
  return folder;
}
