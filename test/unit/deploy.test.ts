import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { toConfig } from "../../src/config/config.js";
import { readSettings } from "../../src/config/read-settings.js";
import { NODE_FLAGS } from "../../src/lib/node-flags.js";

const root = new URL("../..", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

describe("deploy/Dockerfile", () => {
  const lines = read("deploy/Dockerfile")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const having = (instruction: string) =>
    lines.filter((line) => line.startsWith(`${instruction} `));

  test("builds in one stage and runs in another, as a user that is not root", () => {
    expect(having("FROM")).toHaveLength(2);
    expect(having("USER")).toEqual(["USER 1000:1000"]);
    const command = ["node", ...NODE_FLAGS, "dist/main.js"];
    expect(having("CMD").map((line) => JSON.parse(line.replace("CMD ", "")))).toEqual([command]);
    expect(JSON.parse(read("package.json")).scripts.start).toBe(command.join(" "));
    expect(lines.indexOf("USER 1000:1000")).toBeGreaterThan(lines.indexOf(having("FROM")[1] ?? ""));
  });

  test("asks whether the service is alive, by a program that runs", () => {
    const [check = ""] = having("HEALTHCHECK");
    const command = JSON.parse(/CMD (\[.*\])$/.exec(check)?.[1] ?? "") as string[];
    expect(command.slice(0, 2)).toEqual(["node", "-e"]);
    expect(() => new Function(command[2] ?? "")).not.toThrow();
    expect(command[2]).toContain("/health");
  });

  test("copies only what is there and what the build context has", () => {
    const context = read("deploy/Dockerfile.dockerignore").split("\n");
    const isIn = (path: string) =>
      context.includes(`!${path}`) || context.includes(`!${path.split("/")[0]}`);
    const copied = having("COPY")
      .filter((line) => !line.includes("--from="))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.length).toBeGreaterThan(4);
    for (const path of copied) {
      expect(existsSync(new URL(path, root)), path).toBe(true);
      expect(isIn(path), path).toBe(true);
    }
  });

  test("leaves out what only the built-in CPU server needs", () => {
    const { dependencies } = JSON.parse(read("package.json"));
    const { dependencies: needed } = JSON.parse(read("src/cpu-server/package.json"));
    const apart = Object.keys(needed).filter((name) => !(name in dependencies));
    expect(apart).toEqual(["@websr/websr"]);
    expect(having("ARG")).toContain("ARG LEAVE_OUT=--workspaces=false");
    expect(having("RUN").at(-2)).toMatch(/&& npm ci --omit=dev \$LEAVE_OUT /);
  });

  test("sets only settings that there are", () => {
    const set = having("ENV").flatMap((line) => line.split(/\s+/).slice(1));
    const env = Object.fromEntries(set.map((pair) => pair.split("=")));
    expect(readSettings(env, undefined)).toMatchObject({ host: ["0.0.0.0"], port: 6008 });
  });
});

describe("deploy/compose.yaml", () => {
  const { services, volumes } = parse(read("deploy/compose.yaml"), { merge: true });
  const replicas = [services["tmlsr-1"], services["tmlsr-2"]];

  test("runs two replicas on one database and one volume, each on a port of its own", () => {
    for (const { environment, ...replica } of replicas) {
      expect(environment.MONGODB_URI).toContain("replicaSet=rs0");
      expect(replica.volumes).toEqual(["data:/data"]);
      expect(replica.read_only).toBe(true);
      expect(parseInt(replica.stop_grace_period, 10)).toBeGreaterThan(
        Number(environment.TMLSR_GRACE_SECONDS),
      );
    }
    expect(new Set(replicas.flatMap(({ ports }) => ports)).size).toBe(2);
    expect(Object.keys(volumes)).toEqual(["data", "mongodb"]);
  });

  test("sets only settings that there are, to values that are good", () => {
    for (const { environment } of replicas) {
      const COMFYUI_SERVERS = "http://gpu1:8188,http://gpu2:8188";
      const TMLSR_PUBLIC_URL = "http://localhost:6008";
      const env = { ...environment, COMFYUI_SERVERS, TMLSR_PUBLIC_URL };
      expect(readSettings(env, undefined).comfyuiServers).toHaveLength(2);
    }
  });

  test("makes the database a replica set of one, unpublished", () => {
    const { command, healthcheck, ports } = services.mongodb;
    expect(command).toEqual(["mongod", "--replSet", "rs0", "--bind_ip_all"]);
    expect(() => new Function("rs", healthcheck.test.at(-1))).not.toThrow();
    expect(healthcheck.test.at(-1)).toContain("_id: 'rs0'");
    expect(ports).toBeUndefined();
  });
});

describe("deploy/kubernetes.yaml", () => {
  const documents = parseAllDocuments(read("deploy/kubernetes.yaml")).map((one) => one.toJS());
  const named = (kind: string) => documents.find((document) => document.kind === kind);
  const { spec: pod } = named("Deployment").spec.template;
  const [container] = pod.containers;

  test("has what a deployment of several replicas needs", () => {
    const kinds = documents.map(({ kind }) => kind).toSorted();
    expect(kinds).toEqual(["ConfigMap", "Deployment", "PodDisruptionBudget", "Service"]);
    expect(named("Deployment").spec.replicas).toBeGreaterThan(1);
    const { matchLabels } = named("Deployment").spec.selector;
    expect(named("Deployment").spec.template.metadata.labels).toMatchObject(matchLabels);
    expect(named("Service").spec.selector).toEqual(matchLabels);
    expect(named("PodDisruptionBudget").spec.selector.matchLabels).toEqual(matchLabels);
  });

  test("speaks HTTP/2 without TLS to its one port", () => {
    const [port] = named("Service").spec.ports;
    expect(port.appProtocol).toBe("kubernetes.io/h2c");
    expect(container.ports).toContainEqual({ name: port.targetPort, containerPort: 6008 });
  });

  test("asks of each pod whether it is alive and whether it is ready", () => {
    expect(container.startupProbe.httpGet.path).toBe("/health");
    expect(container.livenessProbe.httpGet.path).toBe("/health");
    expect(container.readinessProbe.httpGet.path).toBe("/ready");
    for (const name of ["startupProbe", "livenessProbe", "readinessProbe"])
      expect(container[name].httpGet.port).toBe("grpc");
  });

  test("runs as a user that is not root, on a file system that it cannot write", () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
  });

  test("gives a pod time to stop, and no variables of the Service's", () => {
    const { data } = named("ConfigMap");
    const pauseSeconds = Number(container.lifecycle.preStop.exec.command[1]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
      Number(data.TMLSR_GRACE_SECONDS) + pauseSeconds,
    );
    expect(pod.enableServiceLinks).toBe(false);
  });

  test("sets only settings that there are, to values that are good", () => {
    const secret = {
      MONGODB_URI: "mongodb://a,b,c/tmlsr?replicaSet=rs0",
      OSS_ACCESS_KEY_ID: "id",
      OSS_ACCESS_KEY_SECRET: "secret",
    };
    const config = toConfig(readSettings({ ...named("ConfigMap").data, ...secret }, undefined));
    expect(config.oss).toMatchObject({ bucket: "tmlsr-results" });
    expect(config.servers).toHaveLength(2);
  });
});
