// A real relay (Debian's coturn) on loopback with the configuration of deploy/turn, that ends with the test.

import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually, freePort } from "./server.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../../deploy/turn/turnserver.conf");

/** As the file has it. */
function secret(): string {
  const found = /^static-auth-secret=(.+)$/m.exec(readFileSync(CONFIGURATION, "utf8"))?.[1];
  if (found === undefined) {
    throw new Error(`${CONFIGURATION} has no secret`);
  }
  return found;
}

export class Relay {
  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<Relay> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "hearken-relay-"));
    let output = "";
    // On a port of loopback, which coturn denies by itself, without the certificate that the file names. All else is as
    // operators have it: nobody but the server can be reached, so many allocations for each, stale nonces.
    const options = [
      "-c",
      CONFIGURATION,
      `--listening-port=${port}`,
      "--listening-ip=127.0.0.1",
      "--relay-ip=127.0.0.1",
      "--allow-loopback-peers",
      "--allowed-peer-ip=127.0.0.1",
      "--no-tls",
      "--no-dtls",
      `--pidfile=${join(folder, "pid")}`,
      `--userdb=${join(folder, "db")}`,
    ];
    const child = spawn("turnserver", options, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => {
        output += data.toString();
      });
    }
    child.on("error", (error) => {
      output += String(error);
    });
    const relay = new Relay(port, folder, child);
    try {
      await eventually("the relay answers", async () => {
        if (child.exitCode !== null) {
          throw new Error(output);
        }
        return answers(port);
      });
    } catch (error) {
      await relay.stop();
      throw error;
    }
    return relay;
  }

  /** What the server has to be told. */
  get environment(): Readonly<Record<string, string>> {
    return {
      HEARKEN_TURN_URLS: `turn:127.0.0.1:${this.port}?transport=udp`,
      HEARKEN_TURN_SECRET: secret(),
    };
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((done) => this.child.once("exit", done));
      this.child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether a relay answers a STUN binding request (RFC 8489) within a moment. */
function answers(port: number): Promise<boolean> {
  const request = Buffer.from(`000100002112a442${"07".repeat(12)}`, "hex");
  const socket = createSocket("udp4");
  return new Promise<boolean>((done) => {
    const late = setTimeout(() => done(false), 300);
    socket.once("error", () => done(false));
    socket.once("message", (answer) => {
      clearTimeout(late);
      done(answer.readUInt16BE(0) === 0x0101);
    });
    socket.send(request, port, "127.0.0.1");
  }).finally(() => socket.close());
}
