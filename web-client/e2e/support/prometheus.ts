// A real Prometheus on loopback with the configuration of deploy/prometheus, that ends with the test.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually, freePort } from "./server.ts";

const FOLDER = resolve(import.meta.dirname, "../../../deploy/prometheus");
const DOCUMENTATION = resolve(import.meta.dirname, "../../../docs/metrics.md");

/** One series of an instant vector. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** The queries that the documentation gives operators: what stands indented there. */
export function documentedQueries(): string[] {
  const lines = readFileSync(DOCUMENTATION, "utf8").split("\n");
  return lines.filter((line) => /^ {4}\S/.test(line)).map((line) => line.trim());
}

export class Prometheus {
  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  /** Watches one server every second. */
  static async start(metricsPort: number): Promise<Prometheus> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "hearken-prometheus-"));
    cpSync(FOLDER, folder, { recursive: true });
    const file = join(folder, "prometheus.yml");
    // As operators have it, but for where this server is, and for a test's patience.
    const configuration = readFileSync(file, "utf8")
      .replace("127.0.0.1:9464", `127.0.0.1:${metricsPort}`)
      .replace("scrape_interval: 15s", "scrape_interval: 1s");
    writeFileSync(file, configuration);
    let output = "";
    const child = spawn(
      "prometheus",
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    child.stderr?.on("data", (data: Buffer) => {
      output += data.toString();
    });
    child.on("error", (error) => {
      output += String(error);
    });
    const prometheus = new Prometheus(port, folder, child);
    try {
      await eventually(
        "Prometheus has read the server's metrics",
        async () => {
          if (child.exitCode !== null) {
            throw new Error(output);
          }
          return (await prometheus.query('up{job="hearken"}').catch(() => [])).at(0)?.value[1] === "1";
        },
        30_000,
      );
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
    return prometheus;
  }

  /** What it answers to a query (PromQL) now; fails where it does not understand it. */
  async query(query: string): Promise<Sample[]> {
    const address = `http://127.0.0.1:${this.port}/api/v1/query?query=${encodeURIComponent(query)}`;
    const answer = (await (await fetch(address)).json()) as {
      status: string;
      error?: string;
      data?: { result: Sample[] };
    };
    if (answer.status !== "success" || answer.data === undefined) {
      throw new Error(`${query}: ${answer.error}`);
    }
    return answer.data.result;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((done) => this.child.once("exit", done));
      this.child.kill("SIGTERM");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
